//! Data of the market client on the terminal.

use std::fs;

use crate::{process::Place, recorded::following};

#[test]
fn an_imported_file_and_its_parts_are_shown() {
    let place = Place::new();
    let (_daemon, _api) = following(&place);
    // Two chunks of a file, so that there is something to list.
    let data: Vec<u8> = (0..1_500_000_u32).map(|n| (n % 26) as u8 + b'a').collect();
    let file = place.path("file");
    fs::write(&file, &data).expect("the folder can be written");
    let file = file.to_str().expect("UTF-8");
    let root = place.done("lotus", ["client", "import", "-q", file]);
    let root = root.trim();
    let shown = place.done("lotus", ["client", "cat", "--allow-local", root]);
    assert!(shown.as_bytes() == data, "{} bytes", shown.len());
    let listed = place.done("lotus", ["client", "ls", "--allow-local", root]);
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 2, "{listed}");
    for line in lines {
        let (cid, size) = line.split_once(" \t").expect("a CID, no name, a size");
        assert!(cid.starts_with("baf"), "{line}");
        assert!(size.parse::<u64>().is_ok(), "{line}");
    }
}
