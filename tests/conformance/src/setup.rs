//! Steps of setup and ownership.

use crate::party::{kind, thumbprint};
use crate::scenario::{Fields, Scenario, bytes, flag, list, number, text};
use crate::world::{Outcome, World, check};
use sealwire_core::bytes::{Secret, Writer};
use sealwire_core::credential::{Credential, Thumbprint};
use sealwire_core::crypto::Signature;
use sealwire_core::crypto::software::{KeyKind, SoftwareProvider};
use sealwire_core::endpoint::Route;
use sealwire_core::setup::{Claim, STATEMENT, Standing, Statement, sign};

/// What a scenario calls a standing.
const fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::None => "none",
        Standing::Owner => "owner",
        Standing::Delegate => "delegate",
    }
}

fn named(scenario: &Scenario, step: &Fields, field: &str) -> Option<Thumbprint> {
    text(step, field).map(|name| thumbprint(scenario, name))
}

impl World<'_> {
    pub(crate) fn setup(&mut self, step: &Fields) -> Outcome {
        let (now, scenario) = (self.now, self.scenario);
        match text(step, "do").unwrap_or_default() {
            "claim" => return self.claim(step),
            "sign_statement" => return self.sign_statement(step),
            "ownership" => return self.ownership(step),
            _ => {}
        }
        let (endpoint, platform) = self.party(step).parts();
        match text(step, "do").unwrap_or_default() {
            "open_setup" => endpoint.open_setup(now, number(step, "ms").map_or(u64::MAX, |ms| now + ms))?,
            "close_setup" => endpoint.close_setup(),
            "revoke" => endpoint.revoke(platform, &named(scenario, step, "delegate").unwrap())?,
            "reset_ownership" => endpoint.reset_ownership(platform)?,
            _ => {
                let found = word(endpoint.ownership().unwrap().standing(&named(scenario, step, "peer").unwrap()));
                return check(text(step, "is") == Some(found), || format!("standing: {found}"));
            }
        }
        Ok(())
    }

    fn claim(&mut self, step: &Fields) -> Outcome {
        let (now, scenario) = (self.now, self.scenario);
        let statement = ["release", "delegation"].into_iter().find(|kind| step.contains_key(*kind));
        let statement = statement.map(|kind| self.value(step, kind)).transpose()?.unwrap_or_default();
        let credential = text(step, "anchor").map(|name| bytes(text(scenario.identity(name), "credential").unwrap()));
        let anchor = credential.map(|credential| Credential::parse(&credential).unwrap().key);
        let code = text(step, "code").map(|name| scenario.code(name));
        let claim = match &code {
            Some(code) => Claim::Setup { secret: &code.secret, anchor: anchor.as_ref() },
            None if step.contains_key("release") => Claim::Release { statement: &statement, anchor: anchor.as_ref() },
            None if step.contains_key("delegation") => Claim::Delegation { statement: &statement },
            None => Claim::Known,
        };
        let device = code.as_ref().map(|code| code.device).or_else(|| named(scenario, step, "device")).unwrap();
        let route = Route::new(text(step, "to").unwrap_or_default().as_bytes())?;
        let party = self.party(step);
        let (endpoint, platform) = party.parts();
        party.handshake = endpoint.claim(platform, now, route, device, &claim)?;
        Ok(())
    }

    fn sign_statement(&mut self, step: &Fields) -> Outcome {
        let scenario = self.scenario;
        let (epoch, nonce) = self.party(step).told[text(step, "told").unwrap_or_default()];
        let epoch = number(step, "epoch").map_or(epoch, |epoch| u32::try_from(epoch).unwrap());
        let (statement, about) = match named(scenario, step, "release") {
            Some(owner) => (Statement::Release, owner),
            None => (Statement::Delegation, named(scenario, step, "delegation").unwrap()),
        };
        let signer = scenario.identity(text(step, "key").unwrap());
        let private: [u8; 32] = bytes(text(signer, "private").unwrap()).try_into().unwrap();
        let kind = kind(text(signer, "kind").unwrap());
        let mut provider = SoftwareProvider::<_, 1>::new(|_: &mut [u8]| Ok(()));
        let key = provider.keys.add(kind, Secret::from(private))?;
        let algorithm = if kind == KeyKind::Es256 { Signature::Es256 } else { Signature::EdDsa };
        let device = named(scenario, step, "device").unwrap();
        let mut signed = [0; STATEMENT];
        sign(&mut provider, (key, algorithm), statement, &device, (epoch, &nonce), &about, &mut Writer::new(&mut signed))?;
        self.values.insert(text(step, "as").unwrap().to_owned(), signed.to_vec());
        Ok(())
    }

    fn ownership(&mut self, step: &Fields) -> Outcome {
        let scenario = self.scenario;
        let found = self.party(step).parts().0.ownership().copied();
        let none = flag(step, "none").unwrap_or(false);
        let Some(found) = found else { return check(none, || "no ownership".to_owned()) };
        let sorted = |mut all: Vec<Thumbprint>| {
            all.sort_by_key(|thumbprint| thumbprint.0);
            all
        };
        let wanted = list(step, "delegates").iter().map(|name| thumbprint(scenario, name.as_str().unwrap())).collect();
        let good = !none
            && number(step, "epoch").is_none_or(|epoch| epoch == u64::from(found.epoch()))
            && (!step.contains_key("owner") || named(scenario, step, "owner") == found.owner())
            && (!step.contains_key("delegates") || sorted(wanted) == sorted(found.delegates().collect()));
        check(good, || format!("{found:?}"))
    }
}
