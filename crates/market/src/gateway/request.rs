//! What a request asks for.

use axum::http::{HeaderMap, StatusCode, header};

use super::{CAR_TYPE, RAW_TYPE};

/// How a DAG is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// A CAR of the DAG, as far as this says.
    Car(Scope),
    /// The block itself.
    Raw,
}

/// How much of a DAG is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    All,
    /// What makes a file or the list of a directory's entries.
    Entity,
    /// The root.
    Block,
}

/// Why a request is refused: the status and the text of the answer.
pub(super) type Refusal = (StatusCode, String);

fn bad(text: String) -> Refusal {
    (StatusCode::BAD_REQUEST, text)
}

/// Query and `Accept` header, of which the query counts more.
pub(super) fn format(query: &str, headers: &HeaderMap) -> Result<Format, Refusal> {
    let (mut format, mut scope) = (None, Scope::All);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (key, value) {
            ("format", "car") => format = Some(true),
            ("format", "raw") => format = Some(false),
            ("format", other) => {
                return Err(bad(format!("format {other:?} is not car or raw")));
            }
            ("dag-scope", "all") => scope = Scope::All,
            ("dag-scope", "entity") => scope = Scope::Entity,
            ("dag-scope", "block") => scope = Scope::Block,
            ("dag-scope", other) => {
                return Err(bad(format!(
                    "dag-scope {other:?} is not all, entity or block"
                )));
            }
            ("car-version", "1") | ("car-order", "dfs" | "unk") | ("car-dups", "n") => {}
            ("car-version" | "car-order" | "car-dups", _) => {
                return Err(bad(format!("{pair} cannot be served")));
            }
            // A hint that may be ignored: more blocks are sent then.
            _ => {}
        }
    }
    match format.or_else(|| accepted(headers)) {
        Some(true) => Ok(Format::Car(scope)),
        Some(false) => Ok(Format::Raw),
        None => Err((
            StatusCode::NOT_ACCEPTABLE,
            format!("ask for {CAR_TYPE} or {RAW_TYPE}, or say ?format=car or ?format=raw"),
        )),
    }
}

/// True for a CAR, false for a block: the first type in `Accept` headers that can be served.
fn accepted(headers: &HeaderMap) -> Option<bool> {
    let values = headers.get_all(header::ACCEPT).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(','));
    types.find_map(|wanted| {
        let mut parts = wanted.split(';').map(str::trim);
        let served = match parts.next() {
            Some(CAR_TYPE) => true,
            Some(RAW_TYPE) => false,
            _ => return None,
        };
        let possible = parts.all(|parameter| match parameter.split_once('=') {
            Some(("version", version)) => version == "1",
            Some(("order", order)) => matches!(order, "dfs" | "unk"),
            Some(("dups", dups)) => dups == "n",
            _ => true,
        });
        possible.then_some(served)
    })
}

/// A range of bytes: from, and to (inclusive, within `len`). `None` when the whole is wanted.
///
/// # Errors
/// The status 416 for what lies outside.
pub(super) fn range(headers: &HeaderMap, len: u64) -> Result<Option<(u64, u64)>, Refusal> {
    let Some(value) = headers.get(header::RANGE) else {
        return Ok(None);
    };
    let spec = value.to_str().ok().and_then(|v| v.strip_prefix("bytes="));
    // Several ranges at once may be answered with the whole.
    let Some((from, to)) = spec.and_then(|spec| spec.split_once('-')) else {
        return Ok(None);
    };
    if spec.is_some_and(|spec| spec.contains(',')) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u64>().ok();
    let range = match (from, to) {
        ("", last) => number(last)
            .filter(|last| *last > 0)
            .map(|last| (len.saturating_sub(last), len.saturating_sub(1))),
        (from, "") => number(from).map(|from| (from, len.saturating_sub(1))),
        (from, to) => number(from)
            .zip(number(to))
            .map(|(from, to)| (from, to.min(len.saturating_sub(1)))),
    };
    match range {
        Some((from, to)) if from <= to && from < len => Ok(Some((from, to))),
        _ => Err((
            StatusCode::RANGE_NOT_SATISFIABLE,
            format!("range {value:?} is not within the {len} bytes there are"),
        )),
    }
}

#[cfg(test)]
mod negotiation {
    use super::*;

    fn accept(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT, value.parse().unwrap())])
    }

    #[test]
    fn takes_the_first_type_that_can_be_served() {
        for (value, expected) in [
            ("application/vnd.ipld.car", Some(true)),
            ("text/html, application/vnd.ipld.raw", Some(false)),
            (
                "application/vnd.ipld.car; version=2, application/vnd.ipld.raw",
                Some(false),
            ),
            ("application/vnd.ipld.car; order=dfs; dups=y", None),
            ("*/*", None),
        ] {
            assert_eq!(accepted(&accept(value)), expected, "{value}");
        }
    }

    #[test]
    fn lets_the_query_win() {
        let headers = accept("application/vnd.ipld.car");
        assert_eq!(format("format=raw", &headers), Ok(Format::Raw));
        let block = format("dag-scope=block", &headers);
        assert_eq!(block, Ok(Format::Car(Scope::Block)));
    }

    #[test]
    fn refuses_what_it_cannot_serve() {
        let none = HeaderMap::new();
        assert_eq!(format("", &none).unwrap_err().0, 406);
        for query in [
            "format=tar",
            "format=car&dag-scope=some",
            "format=car&car-dups=y",
        ] {
            assert_eq!(format(query, &none).unwrap_err().0, 400, "{query}");
        }
    }

    #[test]
    fn reads_ranges() {
        let of = |text: &str| {
            let headers = HeaderMap::from_iter([(header::RANGE, text.parse().unwrap())]);
            range(&headers, 100).map_err(|refusal| refusal.0.as_u16())
        };
        assert_eq!(of("bytes=0-9"), Ok(Some((0, 9))));
        assert_eq!(of("bytes=90-"), Ok(Some((90, 99))));
        assert_eq!(of("bytes=-10"), Ok(Some((90, 99))));
        assert_eq!(of("bytes=50-500"), Ok(Some((50, 99))));
        assert_eq!(of("bytes=0-1,5-6"), Ok(None));
        for outside in ["bytes=100-", "bytes=9-3", "bytes=-0", "bytes=x-y"] {
            assert_eq!(of(outside), Err(416), "{outside}");
        }
        assert_eq!(range(&HeaderMap::new(), 100), Ok(None));
    }
}
