mod flash;
mod snapshot;
