//! Commands of the Filecoin app on a Ledger device, as the app's `APDUSPEC` says.
//!
//! A command is `CLA INS P1 P2 length payload`, an answer ends with a status word of two bytes.

use lotus_types::Address;

use super::{Path, Transport};

const CLA: u8 = 0x06;
const GET_VERSION: u8 = 0x00;
const GET_ADDRESS: u8 = 0x01;
const SIGN: u8 = 0x02;
/// P1 of [`GET_ADDRESS`]: the device shows the address and waits for its user.
const CONFIRM: u8 = 1;
/// P1 of [`SIGN`]: the path, a part of the message, the last part.
const FIRST: u8 = 0;
const MORE: u8 = 1;
const LAST: u8 = 2;
/// Bytes of a message in one command.
const CHUNK: usize = 250;
const PUBLIC_KEY_LEN: usize = 65;
const SIGNATURE_LEN: usize = 65;
const SUCCESS: u16 = 0x9000;

/// Why a device did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// No device is plugged in.
    #[error("no Ledger device was found: plug it in, unlock it and open its Filecoin app")]
    NoDevice,
    /// The device cannot be reached.
    #[error("cannot speak with the Ledger device: {0}")]
    Device(String),
    /// Another app, or none, is open.
    #[error("Filecoin app is not open on the device")]
    AppNotOpen,
    /// The device is locked.
    #[error("the Ledger device is locked")]
    Locked,
    /// Its user said no.
    #[error("rejected on the Ledger device")]
    Rejected,
    /// Another refusal.
    #[error("the Ledger device refused: status {status:#06x}{text}")]
    Status {
        /// The status word.
        status: u16,
        /// What the device says about it, with a colon in front.
        text: String,
    },
    /// An answer that is none.
    #[error("the Ledger device's answer is malformed: {0}")]
    Malformed(&'static str),
}

/// The app on a device.
#[derive(Debug)]
pub struct FilecoinApp<'a> {
    transport: &'a mut dyn Transport,
}

impl<'a> FilecoinApp<'a> {
    /// The app on this device, which must be open.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn open(transport: &'a mut dyn Transport) -> Result<Self, AppError> {
        let mut app = Self { transport };
        let version = app.call(GET_VERSION, 0, &[])?;
        match version.as_slice() {
            [_mode, major, minor, patch, ..] => {
                tracing::debug!("Ledger device with Filecoin app {major}.{minor}.{patch}");
                Ok(app)
            }
            _ => Err(AppError::Malformed("a version that is too short")),
        }
    }

    /// The f1 address of the key at `path`. With `confirm` the device shows it, and its user must
    /// accept it.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn address(&mut self, path: &Path, confirm: bool) -> Result<Address, AppError> {
        const SHORT: AppError = AppError::Malformed("an address that is too short");
        let p1 = if confirm { CONFIRM } else { 0 };
        let answer = self.call(GET_ADDRESS, p1, &path_bytes(path))?;
        let (key, rest) = answer.split_first_chunk::<PUBLIC_KEY_LEN>().ok_or(SHORT)?;
        let (&len, rest) = rest.split_first().ok_or(SHORT)?;
        let bytes = rest.get(..usize::from(len)).ok_or(SHORT)?;
        let address = Address::from_bytes(bytes)
            .map_err(|_| AppError::Malformed("bytes that are no address"))?;
        if address != Address::new_secp256k1(key) {
            return Err(AppError::Malformed("an address that is not the key's"));
        }
        Ok(address)
    }

    /// Lets the device sign a message, given in CBOR, which its user must accept: r, s, recovery id.
    ///
    /// # Errors
    /// [`AppError`].
    pub fn sign(&mut self, path: &Path, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], AppError> {
        self.call(SIGN, FIRST, &path_bytes(path))?;
        let mut parts = message.chunks(CHUNK).peekable();
        let mut answer = Vec::new();
        while let Some(part) = parts.next() {
            let p1 = if parts.peek().is_some() { MORE } else { LAST };
            answer = self.call(SIGN, p1, part)?;
        }
        answer
            .first_chunk()
            .copied()
            .ok_or(AppError::Malformed("a signature that is too short"))
    }

    fn call(&mut self, instruction: u8, p1: u8, payload: &[u8]) -> Result<Vec<u8>, AppError> {
        let len = u8::try_from(payload.len()).map_err(|_| AppError::Malformed("a long payload"))?;
        let command = [&[CLA, instruction, p1, 0, len], payload].concat();
        let mut answer = self.transport.exchange(&command)?;
        let Some((rest, status)) = answer.split_last_chunk::<2>() else {
            return Err(AppError::Malformed("no status"));
        };
        let (len, status) = (rest.len(), u16::from_be_bytes(*status));
        if status != SUCCESS {
            return Err(refusal(status, rest));
        }
        answer.truncate(len);
        Ok(answer)
    }
}

/// Five integers, little-endian.
fn path_bytes(path: &Path) -> Vec<u8> {
    path.iter().flat_map(|part| part.to_le_bytes()).collect()
}

fn refusal(status: u16, rest: &[u8]) -> AppError {
    match status {
        0x5515 | 0x6804 => AppError::Locked,
        0x6986 => AppError::Rejected,
        0x6511 | 0x6d00 | 0x6e00 | 0x6e01 => AppError::AppNotOpen,
        _ => {
            let plain = |byte: &&u8| byte.is_ascii_graphic() || **byte == b' ';
            let text: String = rest.iter().filter(plain).map(|b| char::from(*b)).collect();
            let text = match text.trim() {
                "" => String::new(),
                text => format!(": {text}"),
            };
            AppError::Status { status, text }
        }
    }
}
