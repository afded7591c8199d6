#![allow(clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use super::*;
use crate::{
    dag_pb::{Link, PbLink, PbNode},
    piece::testing::{car, pattern, pb, raw, recorded},
};

struct Store {
    folder: TempDir,
    imports: Imports,
}

impl Store {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let imports = Imports::open(&folder.path().join("imports")).unwrap();
        Self { folder, imports }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Files in the store beside the index.
    fn payloads(&self) -> Vec<String> {
        let folder = self.folder.path().join("imports");
        let names = fs::read_dir(folder).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with(INDEX)).collect()
    }
}

mod importing_a_file {
    use super::*;

    #[test]
    fn gives_the_root_the_payload_and_the_commitment_of_lotus() {
        let store = Store::new();
        for file in recorded() {
            let path = store.file("file", &pattern(file.bytes));
            let import = store.imports.import(&path, false).unwrap();
            assert_eq!(import.root.to_string(), file.root);
            let size = store.imports.data_cid_size(&import.root).unwrap();
            assert_eq!(size.payload_size, file.car_bytes);
            assert_eq!(size.piece_cid.to_string(), file.piece_cid);
            assert_eq!(size.piece_size.unpadded().0, file.piece_size_unpadded);
            // Asked again, the answer comes from the index.
            assert_eq!(store.imports.data_cid_size(&import.root).unwrap(), size);
            let car = store.imports.car(&import.root).unwrap();
            let commp = commp_of_car(&car).unwrap();
            assert_eq!(commp.root.to_string(), file.piece_cid);
            assert_eq!(commp.size.0, file.piece_size_unpadded);
        }
    }

    #[test]
    fn is_undone_by_an_export() {
        let store = Store::new();
        for len in [0, 1, 64, 100, 126, 127, (1 << 20) + 100, 3_000_000] {
            let content = pattern(len);
            let path = store.file("file", &content);
            let root = store.imports.import(&path, false).unwrap().root;
            let out = store.folder.path().join(format!("out-{len}"));
            store.imports.export(&root, &out, false).unwrap();
            assert!(fs::read(&out).unwrap() == content, "{len} bytes");
        }
    }

    #[test]
    fn stores_repeated_blocks_once() {
        let store = Store::new();
        let path = store.file("zeros", &vec![0; 4 << 20]);
        let root = store.imports.import(&path, false).unwrap().root;
        let size = store.imports.data_cid_size(&root).unwrap().payload_size;
        assert!((1 << 20..2 << 20).contains(&size), "{size}");
        let out = store.folder.path().join("out");
        store.imports.export(&root, &out, false).unwrap();
        assert_eq!(fs::metadata(out).unwrap().len(), 4 << 20);
    }

    #[test]
    fn names_a_file_that_cannot_be_imported_and_leaves_nothing() {
        let store = Store::new();
        let missing = store.folder.path().join("not-there");
        for path in [
            missing.as_path(),
            store.folder.path(),
            Path::new("/dev/null"),
        ] {
            let error = store.imports.import(path, false).unwrap_err();
            assert!(matches!(error, ImportError::Refused { .. }), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()));
        }
        assert_eq!(store.payloads(), [""; 0]);
        assert_eq!(store.imports.list().unwrap(), []);
    }
}

mod the_store {
    use super::*;

    #[test]
    fn lists_what_was_imported_also_after_a_restart() {
        let store = Store::new();
        let (a, b) = (store.file("a", b"a"), store.file("b", &pattern(500)));
        let first = store.imports.import(&a, false).unwrap();
        let second = store.imports.import(&b, false).unwrap();
        assert!(second.import_id > first.import_id);
        let Store { folder, imports } = store;
        drop(imports);
        let again = Imports::open(&folder.path().join("imports")).unwrap();
        let list = again.list().unwrap();
        let ids: Vec<_> = list.iter().map(|import| import.key).collect();
        assert_eq!(ids, [first.import_id, second.import_id]);
        assert_eq!(list[1].root, Some(second.root));
        assert_eq!(list[1].source, "import");
        assert_eq!(list[1].file_path, b.display().to_string());
        assert_eq!(list[1].err, "");
        let car = again.car(&second.root).unwrap();
        assert_eq!(list[1].car_path, car.display().to_string());
    }

    #[test]
    fn keeps_a_root_until_its_last_import_is_removed() {
        let store = Store::new();
        let path = store.file("a", &pattern(500));
        let first = store.imports.import(&path, false).unwrap();
        let second = store.imports.import(&path, false).unwrap();
        assert_eq!(first.root, second.root);
        store.imports.remove(first.import_id).unwrap();
        assert!(store.imports.has(&first.root).unwrap());
        store.imports.remove(second.import_id).unwrap();
        assert!(!store.imports.has(&first.root).unwrap());
        assert_eq!(store.payloads(), [""; 0]);
        let again = store.imports.remove(second.import_id).unwrap_err();
        assert!(matches!(again, ImportError::NoSuchImport(id) if id == second.import_id));
        let unknown = store.imports.car(&first.root).unwrap_err();
        assert!(unknown.to_string().contains(&first.root.to_string()));
    }

    #[test]
    fn never_gives_an_id_twice() {
        let store = Store::new();
        let path = store.file("a", b"a");
        let first = store.imports.import(&path, false).unwrap().import_id;
        store.imports.remove(first).unwrap();
        let reserved = store.imports.index.reserve(0).unwrap();
        assert!(reserved > first);
    }

    #[test]
    fn sweeps_what_a_broken_import_has_left_and_nothing_else() {
        let store = Store::new();
        let root = store
            .imports
            .import(&store.file("a", b"abc"), false)
            .unwrap()
            .root;
        let folder = store.folder.path().join("imports");
        for leftover in ["17.part", "18.car", "notes.txt"] {
            fs::write(folder.join(leftover), "x").unwrap();
        }
        let again = Imports::open(&folder).unwrap();
        assert!(again.has(&root).unwrap());
        let mut left = store.payloads();
        left.sort();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(left.contains(&"notes.txt".to_owned()));
    }

    #[test]
    fn says_so_when_a_payload_is_gone() {
        let store = Store::new();
        let import = store
            .imports
            .import(&store.file("a", b"abc"), false)
            .unwrap();
        fs::remove_file(store.imports.car(&import.root).unwrap()).unwrap();
        assert!(!store.imports.has(&import.root).unwrap());
        assert!(store.imports.list().unwrap()[0].err.contains("gone"));
    }
}

mod importing_a_car {
    use super::*;

    fn node(children: &[&Link]) -> (Link, Vec<u8>) {
        let links = children.iter().map(|target| PbLink {
            target: (*target).clone(),
            name: Some(String::new()),
            size: None,
        });
        let node = PbNode {
            links: links.collect(),
            data: None,
        };
        pb(&node.encode())
    }

    fn refusal(content: &[u8]) -> String {
        let store = Store::new();
        let path = store.file("bad.car", content);
        let error = store.imports.import(&path, true).unwrap_err();
        assert!(matches!(
            error,
            ImportError::Refused { .. } | ImportError::Dag { .. }
        ));
        assert_eq!(store.payloads(), [""; 0]);
        let text = error.to_string();
        assert!(text.contains("bad.car"), "{text}");
        text
    }

    #[test]
    fn makes_the_one_payload_of_its_dag() {
        let (a, b, stray) = (raw(b"a"), raw(b"b"), raw(b"belongs to nothing"));
        let root = node(&[&b.0, &a.0, &b.0]);
        let payload = car(&root.0, &[root.clone(), b.clone(), a.clone()]);
        let shuffled = car(&root.0, &[stray, a.clone(), root.clone(), a, b]);
        let mut v2 = b"\x0a\xa1\x67version\x02".to_vec();
        v2.extend([0; 16]);
        for number in [60_u64, shuffled.len() as u64, 0] {
            v2.extend(number.to_le_bytes());
        }
        v2.extend([0; 9]);
        v2.extend(&shuffled);
        v2.extend(b"index");
        for given in [&payload, &shuffled, &v2] {
            let store = Store::new();
            let path = store.file("given.car", given);
            let import = store.imports.import(&path, true).unwrap();
            assert_eq!(Some(import.root), root.0.cid());
            let written = fs::read(store.imports.car(&import.root).unwrap()).unwrap();
            assert_eq!(written, payload);
            let out = store.folder.path().join("out.car");
            store.imports.export(&import.root, &out, true).unwrap();
            assert_eq!(fs::read(out).unwrap(), payload);
        }
    }

    #[test]
    fn accepts_what_was_generated_also_with_long_cids() {
        let store = Store::new();
        let file = store.file("file", &pattern((1 << 20) + 100));
        let generated = store.folder.path().join("generated.car");
        let root = generate_car(&file, false, &generated).unwrap();
        let import = store.imports.import(&generated, true).unwrap();
        assert_eq!(import.root, root);
        let written = fs::read(store.imports.car(&root).unwrap()).unwrap();
        assert!(written == fs::read(generated).unwrap());
    }

    #[test]
    fn refuses_one_that_lacks_a_block_of_its_dag() {
        let (a, b) = (raw(b"a"), raw(b"b"));
        let root = node(&[&a.0, &b.0]);
        let text = refusal(&car(&root.0, &[root.clone(), a]));
        assert!(text.contains(&b.0.to_string()), "{text}");
        let text = refusal(&car(&root.0, &[]));
        assert!(text.contains(&root.0.to_string()), "{text}");
    }

    #[test]
    fn refuses_a_block_that_is_not_what_its_cid_says() {
        let (mut a, b) = (raw(b"a"), raw(b"b"));
        let root = node(&[&a.0, &b.0]);
        a.1 = b"A".to_vec();
        let text = refusal(&car(&root.0, &[root.clone(), a.clone(), b]));
        assert!(text.contains(&a.0.to_string()), "{text}");
    }

    #[test]
    fn refuses_what_is_cut_or_no_car() {
        let a = raw(&[1; 100]);
        let good = car(&a.0, std::slice::from_ref(&a));
        assert!(refusal(&good[..good.len() - 1]).contains("truncated"));
        assert!(refusal(b"plain text").contains("not a CAR"));
        assert!(refusal(b"").contains("truncated"));
        let mut v2 = b"\x0a\xa1\x67version\x02".to_vec();
        v2.extend([0xff; 40]);
        let store = Store::new();
        let error = store.imports.import(&store.file("v2.car", &v2), true);
        assert!(error.unwrap_err().to_string().contains("v2.car"));
    }

    #[test]
    fn refuses_two_roots() {
        let two =
            b"\xa2\x65roots\x82\xd8\x2a\x45\0\x01\x55\0\0\xd8\x2a\x45\0\x01\x55\0\0\x67version\x01";
        let mut bytes = vec![u8::try_from(two.len()).unwrap()];
        bytes.extend(two);
        assert!(refusal(&bytes).contains("this one has 2"));
    }

    #[test]
    fn commitments_of_other_files_are_refused() {
        let store = Store::new();
        let path = store.file("file1.bin", &pattern(100));
        let error = commp_of_car(&path).unwrap_err().to_string();
        assert!(
            error.contains("not a car file") && error.contains("file1.bin"),
            "{error}"
        );
    }

    #[test]
    fn a_generated_car_never_replaces_its_source() {
        let store = Store::new();
        let path = store.file("file", b"precious");
        generate_car(&path, false, &path).unwrap_err();
        assert_eq!(fs::read(path).unwrap(), b"precious");
    }
}
