//! Writes the seeds of a target as files: `seeds TARGET FOLDER`.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(target), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: seeds TARGET FOLDER");
        std::process::exit(2);
    };
    std::fs::create_dir_all(&folder)?;
    for (number, seed) in sealwire_fuzz::seeds::of(&target).iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{number:03}")), seed)?;
    }
    Ok(())
}
