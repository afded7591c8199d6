//! Private keys as they are written in files.

use std::{
    io::{BufRead as _, IsTerminal as _, Read as _},
    path::Path,
};

use anyhow::{Context as _, bail};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use lotus_types::{KeyInfo, KeyType};
use zeroize::Zeroizing;

/// Most bytes that are read where a key is expected.
const MAX_KEY_FILE: u64 = 1 << 16;

/// How a key is written in a file.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(in crate::lotus) enum KeyFormat {
    /// Hexadecimal of the JSON form; what `export` prints
    HexLotus,
    /// The JSON form
    JsonLotus,
    /// The JSON form of go-filecoin
    GfcJson,
}

impl KeyFormat {
    /// Reads a key. No error quotes it.
    pub(super) fn read(self, text: &str) -> anyhow::Result<KeyInfo> {
        let text = text.trim();
        match self {
            Self::HexLotus => {
                let json = HEXLOWER_PERMISSIVE
                    .decode(text.as_bytes())
                    .map(Zeroizing::new)
                    .map_err(|e| anyhow::anyhow!("the key is not hexadecimal: {e}"))?;
                serde_json::from_slice(&json).context("the key is not a KeyInfo in JSON")
            }
            Self::JsonLotus => {
                serde_json::from_str(text).context("the key is not a KeyInfo in JSON")
            }
            Self::GfcJson => read_gfc(text),
        }
    }
}

/// Keys of go-filecoin: a list, of which there must be one.
fn read_gfc(text: &str) -> anyhow::Result<KeyInfo> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Keys {
        key_info: Vec<Key>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Key {
        private_key: String,
        sig_type: u64,
    }
    let keys: Keys = serde_json::from_str(text).context("failed to parse go-filecoin key")?;
    let number = keys.key_info.len();
    let Ok([key]) = <[Key; 1]>::try_from(keys.key_info) else {
        bail!("{number} keys in the file, one is needed");
    };
    let secret = Zeroizing::new(key.private_key);
    let kind = match key.sig_type {
        1 => KeyType::Secp256k1,
        2 => KeyType::Bls,
        3 => KeyType::Delegated,
        other => bail!("unrecognized key type: {other}"),
    };
    let secret = data_encoding::BASE64.decode(secret.as_bytes());
    let secret = secret.map_err(|e| anyhow::anyhow!("PrivateKey is not base64: {:?}", e.kind))?;
    Ok(KeyInfo::new(kind, secret))
}

/// The text that `export` prints.
pub(super) fn export(key: &KeyInfo) -> anyhow::Result<Zeroizing<String>> {
    let json = Zeroizing::new(serde_json::to_vec(key)?);
    Ok(Zeroizing::new(HEXLOWER.encode(&json)))
}

/// The text of a key: of a file, or one line of stdin, which a terminal does not show.
pub(super) fn read_text(path: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    match path.filter(|path| *path != Path::new("-")) {
        Some(path) => {
            let file = std::fs::File::open(path)
                .with_context(|| format!("opening the key file {}", path.display()))?;
            file.take(MAX_KEY_FILE)
                .read_to_string(&mut text)
                .with_context(|| format!("reading the key file {}", path.display()))?;
        }
        None if std::io::stdin().is_terminal() => {
            let prompt = "Enter private key(not display in the terminal): ";
            text = Zeroizing::new(rpassword::prompt_password(prompt).context("reading a key")?);
        }
        None => {
            let mut stdin = std::io::BufReader::new(std::io::stdin().take(MAX_KEY_FILE));
            stdin
                .read_line(&mut text)
                .context("reading a key from stdin")?;
            anyhow::ensure!(!text.trim().is_empty(), "EOF: no key came from stdin");
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn the_three_forms_hold_the_same_key() {
        for (number, name) in [(1, "secp256k1"), (2, "bls"), (3, "delegated")] {
            let json = format!(r#"{{"Type":"{name}","PrivateKey":"{SECRET}"}}"#);
            let gfc = format!(r#"{{"KeyInfo":[{{"PrivateKey":"{SECRET}","SigType":{number}}}]}}"#);
            let key = KeyFormat::JsonLotus.read(&json).expect("JSON");
            assert_eq!(KeyFormat::GfcJson.read(&gfc).expect("go-filecoin"), key);
            let hex = export(&key).expect("a text");
            let spaced = format!(" {}\n", hex.to_uppercase());
            assert_eq!(KeyFormat::HexLotus.read(&spaced).expect("hex"), key);
            assert_eq!(key.private_key.as_slice(), [1; 32]);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_quoting_it() {
        let gfc = |keys: &str| format!(r#"{{"KeyInfo":[{keys}]}}"#);
        let key = format!(r#"{{"PrivateKey":"{SECRET}","SigType":1}}"#);
        for (format, text, words) in [
            (KeyFormat::HexLotus, SECRET.to_owned(), "not hexadecimal"),
            (KeyFormat::HexLotus, "7b7d".to_owned(), "not a KeyInfo"),
            (KeyFormat::JsonLotus, "[]".to_owned(), "not a KeyInfo"),
            (KeyFormat::GfcJson, gfc(""), "0 keys in the file"),
            (KeyFormat::GfcJson, gfc(&format!("{key},{key}")), "2 keys"),
            (
                KeyFormat::GfcJson,
                gfc(&key.replace(":1}", ":9}")),
                "unrecognized key type: 9",
            ),
        ] {
            let error = format!("{:#}", format.read(&text).expect_err(words));
            assert!(error.contains(words), "{error}");
            assert!(!error.contains("AQEBAQ"), "{error}");
        }
    }
}
