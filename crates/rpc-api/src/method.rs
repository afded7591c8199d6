//! What is known of a method without calling it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::type_name;

/// What a token allows. A caller has a set of these; a method needs one of them.
///
/// Lotus checks for membership, not for rank: a token of only `admin` may not call a `read`
/// method, so tokens are made with [`Permission::up_to`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Permission {
    /// Look at public state.
    Read,
    /// Change the node's own state; spend nothing.
    Write,
    /// Sign with a key of the wallet: spend.
    Sign,
    /// Manage the node and its keys.
    Admin,
}

impl Permission {
    /// All permissions in rising order.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Sign, Self::Admin];

    /// The permissions up to and including this one.
    pub fn up_to(self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|p| *p <= self).collect()
    }

    /// The name in tokens and error texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Sign => "sign",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Permission {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|p| p.name() == s)
            .ok_or_else(|| {
                format!("unknown permission {s:?}; one of read, write, sign, admin is needed")
            })
    }
}

/// How a method answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MethodKind {
    /// At once.
    Call,
    /// When something happens, which may be hours later; a client's ordinary time limit does not
    /// apply.
    Waits,
    /// With a channel of values: only over a WebSocket.
    Channel,
}

/// A parameter of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamInfo {
    /// Its name in the description.
    pub name: &'static str,
    /// Its Rust type.
    pub ty: &'static str,
    /// May it be left out at the end of the list?
    pub optional: bool,
}

impl ParamInfo {
    /// The name that Go prints for the type, which error texts carry.
    pub fn go_type(&self) -> String {
        type_name::go(self.ty)
    }
}

/// A method of an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MethodInfo {
    /// The full name, for example `Filecoin.ChainHead`.
    pub name: &'static str,
    /// What a caller must be allowed.
    pub permission: Permission,
    /// In order.
    pub params: &'static [ParamInfo],
    /// The Rust type of the result, or of a channel's values; `None` when it has no result.
    pub result: Option<&'static str>,
    /// How it answers.
    pub kind: MethodKind,
    /// What it does.
    pub doc: &'static str,
}

impl MethodInfo {
    /// The name without its namespace: `ChainHead`.
    pub fn short_name(&self) -> &'static str {
        self.name
            .split_once('.')
            .map_or(self.name, |(_, short)| short)
    }

    /// The first word of its name, `Chain` of `ChainHead`; `Common` for those of one word.
    pub fn group(&self) -> &'static str {
        let name = self.short_name();
        let second = name
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_uppercase());
        match second {
            Some((at, _)) if at > 1 => name.get(..at).unwrap_or(name),
            _ => "Common",
        }
    }

    /// The name that Go prints for the type of the result, or of a channel's values.
    pub fn go_result(&self) -> Option<String> {
        self.result.map(type_name::go)
    }

    /// How many parameters a caller must give at least.
    pub fn required_params(&self) -> usize {
        self.params.iter().filter(|p| !p.optional).count()
    }

    /// What it does, without the space around it.
    pub fn summary(&self) -> &'static str {
        self.doc.trim()
    }
}
