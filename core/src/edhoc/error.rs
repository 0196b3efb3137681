//! EDHOC error messages (RFC 9528 §6). They are not authenticated: hints, and no more.

use crate::bytes::Writer;
use crate::cbor::{self, Decoder, Kind};
use crate::crypto::Suite;
use crate::error::{Error, Result};

const UNSPECIFIED: i64 = 1;
const WRONG_SUITE: i64 = 2;
const UNKNOWN_CREDENTIAL: i64 = 3;

/// How many suites SUITES_R may list: RFC 9528 has nine.
const MAX_SUITES: usize = 16;

/// SUITES_R: what a Responder supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuitesR {
    numbers: [i32; MAX_SUITES],
    count: usize,
}

impl SuitesR {
    /// Of this build's suites.
    pub fn of(suites: &[Suite]) -> Self {
        let mut list = SuitesR::default();
        for (place, suite) in list.numbers.iter_mut().zip(suites) {
            *place = i32::from(suite.number());
        }
        list.count = suites.len().min(MAX_SUITES);
        list
    }

    /// The numbers. Their order means nothing: an Initiator takes the one that it likes best (RFC 9528 §6.3).
    pub fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.numbers.iter().copied().map(i64::from).take(self.count)
    }
}

/// An EDHOC error message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdhocError<'a> {
    /// 1: anything, with a text for people.
    Unspecified(&'a str),
    /// 2: the selected suite does not suit; what the Responder supports. Answers message_1 only.
    WrongSuite(SuitesR),
    /// 3: the credential that ID_CRED_x names is not known.
    UnknownCredential,
}

impl<'a> EdhocError<'a> {
    /// Error 2 of a Responder with these suites.
    pub fn wrong_suite(suites: &[Suite]) -> Self {
        EdhocError::WrongSuite(SuitesR::of(suites))
    }

    /// Errors: `Malformed` (also for codes that RFC 9528 does not have), `NotDeterministic`.
    pub fn parse(message: &'a [u8]) -> Result<Self> {
        let mut d = Decoder::new(message);
        let error = match d.int()? {
            UNSPECIFIED => EdhocError::Unspecified(d.text()?),
            WRONG_SUITE => {
                let mut list = SuitesR { count: 1, ..SuitesR::default() };
                if d.kind()? == Kind::Array {
                    list.count = d.array()?;
                    if !(2..=MAX_SUITES).contains(&list.count) {
                        return Err(Error::Malformed);
                    }
                }
                for place in list.numbers.iter_mut().take(list.count) {
                    *place = d.int()?.try_into().map_err(|_| Error::Malformed)?;
                }
                EdhocError::WrongSuite(list)
            }
            UNKNOWN_CREDENTIAL if d.bool()? => EdhocError::UnknownCredential,
            _ => return Err(Error::Malformed),
        };
        d.finish()?;
        Ok(error)
    }

    /// Error: `BufferTooSmall`.
    pub fn write(&self, w: &mut Writer<'_>) -> Result<()> {
        match self {
            EdhocError::Unspecified(text) => {
                cbor::write_int(w, UNSPECIFIED)?;
                cbor::write_text(w, text)
            }
            EdhocError::WrongSuite(list) => {
                cbor::write_int(w, WRONG_SUITE)?;
                if list.count != 1 {
                    cbor::write_array(w, list.count)?;
                }
                list.iter().try_for_each(|number| cbor::write_int(w, number))
            }
            EdhocError::UnknownCredential => {
                cbor::write_int(w, UNKNOWN_CREDENTIAL)?;
                cbor::write_bool(w, true)
            }
        }
    }
}
