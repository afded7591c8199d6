//! What keys there are: name, kind, default, meaning.

use std::{collections::BTreeMap, fmt::Write as _};

use toml::Value;

use super::{duration::GoDuration, full_node, miner};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    Uint,
    Text,
    Texts,
    Duration,
    Fil,
}

impl Kind {
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Int => "a whole number",
            Self::Uint => "a whole number that is not negative",
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Duration => "a duration such as \"1h30m0s\"",
            Self::Fil => "an amount such as \"0.07 FIL\"",
        }
    }

    /// Returns the value when it fits, or what was found instead.
    pub(super) fn check(self, value: Value) -> Result<Value, String> {
        let fits = match (self, &value) {
            (Self::Bool, Value::Boolean(_))
            | (Self::Int, Value::Integer(_))
            | (Self::Text, Value::String(_)) => true,
            (Self::Uint, Value::Integer(number)) => *number >= 0,
            (Self::Texts, Value::Array(items)) => items.iter().all(Value::is_str),
            (Self::Duration, Value::String(text)) => text.parse::<GoDuration>().is_ok(),
            (Self::Fil, Value::String(text)) => text.parse::<lotus_types::TokenAmount>().is_ok(),
            _ => false,
        };
        if fits {
            Ok(value)
        } else {
            Err(value.to_string())
        }
    }

    /// Reads the text of an environment variable.
    pub(super) fn parse(self, text: &str) -> Result<Value, String> {
        let wrong = || format!("{text:?}");
        let value = match self {
            // What Go's ParseBool takes.
            Self::Bool => match text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Value::Boolean(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Value::Boolean(false),
                _ => return Err(wrong()),
            },
            Self::Int | Self::Uint => Value::Integer(text.trim().parse().map_err(|_| wrong())?),
            Self::Text | Self::Duration | Self::Fil => Value::String(text.to_owned()),
            Self::Texts => {
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
            }
        };
        self.check(value)
    }

    /// Go's name of the type, as Lotus' default file gives it.
    fn type_name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Uint => "uint64",
            Self::Text => "string",
            Self::Texts => "[]string",
            Self::Duration => "Duration",
            Self::Fil => "types.FIL",
        }
    }
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The default as a TOML value.
    default: &'static str,
    doc: &'static str,
}

impl Key {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self {
            name,
            kind,
            default,
            doc,
        }
    }

    pub(super) fn default_value(&self) -> Value {
        // The tables are constant, and a test reads every default.
        self.default.parse().expect("defaults are TOML")
    }
}

/// One section.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    keys: &'static [Key],
    /// Takes any key, with values of this kind.
    open: Option<(Kind, &'static str)>,
    used: bool,
}

impl Section {
    pub(super) const fn used(name: &'static str, keys: &'static [Key]) -> Self {
        Self {
            name,
            keys,
            open: None,
            used: true,
        }
    }

    pub(super) const fn unused(name: &'static str, keys: &'static [Key]) -> Self {
        Self {
            name,
            keys,
            open: None,
            used: false,
        }
    }

    pub(super) const fn open(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            keys: &[],
            open: Some((kind, doc)),
            used: true,
        }
    }

    pub(super) fn dotted(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    pub(super) fn env_name(&self, key: &str) -> String {
        format!(
            "LOTUS_{}",
            self.dotted(key).to_uppercase().replace('.', "_")
        )
    }
}

/// All keys of one kind of node.
#[derive(Debug)]
pub struct Schema {
    program: &'static str,
    sections: &'static [Section],
}

impl Schema {
    /// `lotus daemon`.
    pub const FULL_NODE: &'static Self = &Self {
        program: "lotus daemon",
        sections: full_node::SECTIONS,
    };
    /// `lotus-miner`.
    pub const STORAGE_MINER: &'static Self = &Self {
        program: "lotus-miner",
        sections: miner::SECTIONS,
    };

    /// The default file: every key that is used, commented out, with its meaning.
    pub fn default_toml(&self) -> String {
        self.template(&Values::new())
    }

    /// The same without comments: every key that is used, with its default.
    pub fn default_toml_without_comments(&self) -> String {
        self.plain(&Values::new())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&'static Section, &'static Key)> + use<> {
        self.sections
            .iter()
            .flat_map(|section| section.keys.iter().map(move |key| (section, key)))
    }

    /// The proper spelling of a key and its kind; case does not matter.
    pub(super) fn find(&self, given: &str) -> Option<(String, Kind)> {
        for section in self.sections {
            let Some(name) = key_in(section, given) else {
                continue;
            };
            if let Some((kind, _)) = section.open {
                return Some((section.dotted(name), kind));
            }
            if let Some(key) = section
                .keys
                .iter()
                .find(|key| key.name.eq_ignore_ascii_case(name))
            {
                return Some((section.dotted(key.name), key.kind));
            }
        }
        None
    }

    /// True for a section and for the part before a dot of a nested one.
    pub(super) fn is_section(&self, dotted: &str) -> bool {
        self.sections.iter().any(|section| {
            let head = section.name.get(..dotted.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(dotted))
                && section
                    .name
                    .get(dotted.len()..)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    pub(super) fn is_unused(&self, dotted: &str) -> bool {
        self.sections
            .iter()
            .any(|section| !section.used && key_in(section, dotted).is_some())
    }

    /// A key of the same name in another section, or one that differs in a letter or two.
    pub(super) fn suggestion(&self, given: &str) -> Option<String> {
        let wanted = given.to_lowercase();
        let name = wanted.rsplit('.').next().unwrap_or_default();
        let near = self.keys().map(|(section, key)| {
            let dotted = section.dotted(key.name);
            let same_name = key.name.eq_ignore_ascii_case(name);
            let distance = if same_name {
                0
            } else {
                distance(&dotted.to_lowercase(), &wanted)
            };
            (distance, dotted)
        });
        near.min()
            .filter(|(distance, _)| *distance <= 2)
            .map(|(_, dotted)| dotted)
    }

    /// The file with every key that is used. Those that are set are in force, the others are commented out
    /// with their default.
    pub(super) fn template(&self, set: &Values) -> String {
        let mut out = format!(
            "# Configuration of {}. Lines that are commented out show the default.\n",
            self.program
        );
        for section in self.shown(set) {
            // Writing into a String cannot fail.
            let _ = writeln!(out, "\n[{}]", section.name);
            if let Some((_, doc)) = section.open {
                let _ = writeln!(out, "  # {doc}");
            }
            for (name, value) in section.open_keys(set) {
                let _ = writeln!(out, "  {} = {value}", bare_or_quoted(name));
            }
            for key in section.keys {
                let value = set.get(&section.dotted(key.name));
                let (mark, value) = match value {
                    Some(value) => ("", value.as_str()),
                    None => ("#", key.default),
                };
                if !key.doc.is_empty() {
                    let _ = writeln!(out, "  # {}\n  #", key.doc);
                }
                let _ = writeln!(out, "  # type: {}", key.kind.type_name());
                let _ = writeln!(out, "  # env var: {}", section.env_name(key.name));
                let _ = writeln!(out, "  {mark}{} = {value}\n", key.name);
            }
        }
        out
    }

    /// The file without comments: every key that is used with the value that holds.
    pub(super) fn plain(&self, set: &Values) -> String {
        let mut out = String::new();
        for section in self.shown(set) {
            let gap = if out.is_empty() { "" } else { "\n" };
            let _ = writeln!(out, "{gap}[{}]", section.name);
            for (name, value) in section.open_keys(set) {
                let _ = writeln!(out, "  {} = {value}", bare_or_quoted(name));
            }
            for key in section.keys {
                let value = set.get(&section.dotted(key.name));
                let value = value.map_or(key.default, String::as_str);
                let _ = writeln!(out, "  {} = {value}", key.name);
            }
        }
        out
    }

    /// The sections of a file: those that are used, and others in which something is set.
    fn shown<'a>(&self, set: &'a Values) -> impl Iterator<Item = &'static Section> + use<'a> {
        let is_set = |section: &Section| set.keys().any(|dotted| key_in(section, dotted).is_some());
        self.sections
            .iter()
            .filter(move |section| section.used || is_set(section))
    }
}

/// Values in TOML by dotted keys.
pub(super) type Values = BTreeMap<String, String>;

impl Section {
    /// What is set in a section that takes any key.
    fn open_keys<'a>(&'a self, set: &'a Values) -> impl Iterator<Item = (&'a str, &'a str)> {
        let inside = set.iter().filter(|_| self.open.is_some());
        inside.filter_map(|(dotted, value)| Some((key_in(self, dotted)?, value.as_str())))
    }
}

/// A key as TOML takes it.
fn bare_or_quoted(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}

/// The key part of a dotted name when it lies directly in `section`.
fn key_in<'a>(section: &Section, dotted: &'a str) -> Option<&'a str> {
    let head = dotted.get(..section.name.len())?;
    let rest = dotted.get(section.name.len()..)?.strip_prefix('.')?;
    let direct = section.open.is_some() || !rest.contains('.');
    (head.eq_ignore_ascii_case(section.name) && direct && !rest.is_empty()).then_some(rest)
}

/// Edits that turn one word into the other, for suggestions.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut previous = i;
        let mut left = i + 1;
        for (slot, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let diagonal = previous;
            previous = *slot;
            left = (diagonal + usize::from(x != y))
                .min(left + 1)
                .min(*slot + 1);
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
