//! Pieces of the page.

use std::{
    borrow::Cow,
    fmt::Display,
    io::{self, Write},
};

use data_encoding::HEXLOWER;

/// Characters of a value that are shown; the rest is counted only.
const MOST_SHOWN: usize = 20_000;
/// Characters of an address that are shown before and after the dots.
const HALF: usize = 8;

/// A text in which nothing is markup.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

/// Bytes of which nothing is known.
pub(super) fn raw(bytes: &[u8]) -> String {
    format!("raw:{}", HEXLOWER.encode(bytes))
}

/// An address, shortened; whole where the pointer rests.
pub(super) fn address(address: &impl Display) -> String {
    let text = address.to_string();
    let count = text.chars().count();
    let whole = escape(&text);
    if count <= 2 * HALF + 3 {
        return format!("<code>{whole}</code>");
    }
    let start: String = text.chars().take(HALF).collect();
    let end: String = text.chars().skip(count - HALF).collect();
    format!(
        "<code title=\"{whole}\">{}…{}</code>",
        escape(&start),
        escape(&end)
    )
}

/// How a call ended.
pub(super) fn exit(code: i64) -> String {
    let class = if code == 0 { "ok" } else { "bad" };
    format!("<span class=\"exit {class}\">exit {code}</span>")
}

/// A value of several lines, nothing when it is empty.
pub(super) fn block(title: &str, text: &str, out: &mut dyn Write) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let shown: String = text.chars().take(MOST_SHOWN).collect();
    writeln!(
        out,
        "<h3>{}</h3>\n<pre>{}</pre>",
        escape(title),
        escape(&shown)
    )?;
    let more = text.chars().count().saturating_sub(MOST_SHOWN);
    if more > 0 {
        writeln!(
            out,
            "<p class=\"more\">{more} more characters: compute-state --json has them</p>"
        )?;
    }
    Ok(())
}

/// Something that is folded away.
#[derive(Debug)]
pub(super) struct Fold<'a> {
    title: &'a str,
    open: bool,
}

impl<'a> Fold<'a> {
    /// Under this title.
    pub(super) const fn new(title: &'a str) -> Self {
        Self { title, open: false }
    }

    /// Not folded at first.
    pub(super) const fn open(self) -> Self {
        Self { open: true, ..self }
    }

    /// Writes it around what `inner` writes.
    pub(super) fn write(
        self,
        out: &mut dyn Write,
        inner: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let open = if self.open { " open" } else { "" };
        writeln!(
            out,
            "<details{open}><summary>{}</summary>",
            escape(self.title)
        )?;
        inner(&mut *out)?;
        writeln!(out, "</details>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_an_escaped_text_is_markup() {
        assert_eq!(
            escape("<img src='x' onerror=\"a&b\">"),
            "&lt;img src=&#39;x&#39; onerror=&quot;a&amp;b&quot;&gt;"
        );
        assert_eq!(escape("t01000"), "t01000");
    }

    #[test]
    fn long_addresses_are_shortened_and_can_be_read_whole() {
        assert_eq!(address(&"t01000"), "<code>t01000</code>");
        let long = "t3r4if4bd2awtvlb67mxjspu65kbfnxh7ck4gph5";
        assert_eq!(
            address(&long),
            format!("<code title=\"{long}\">t3r4if4b…7ck4gph5</code>")
        );
    }

    #[test]
    fn values_without_end_are_cut() {
        let mut out = Vec::new();
        block("Parameters", &"<".repeat(MOST_SHOWN + 5), &mut out).expect("memory");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(text.matches("&lt;").count(), MOST_SHOWN);
        assert!(text.contains("5 more characters"), "{text}");
    }
}
