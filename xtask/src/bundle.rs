//! The built-in actors v9: builds `bundles/v9`, packs the twelve WASM files into a bundle, checks
//! every CID and keeps the result in a content-addressed cache.
//!
//! # Invariants
//! - `<cache>/bundles/<manifest CID>.car` holds exactly the bundle of that CID; the link
//!   `<variant>.car` beside it names the one that this checkout builds.
//! - A file appears under its final name only when it is whole and checked.
//! - A cached bundle is read and checked again before it is taken; then nothing is built.
//!
//! # Lotus parity
//! Go Lotus carries such bundles in its repository and names them by the same manifest CID.

mod car;
mod variant;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::workspace;
use car::Bundle;
pub(crate) use variant::Variant;

/// Makes sure that every one of `variants` is in the cache.
///
/// # Errors
/// When the actors do not build, or come out with other CIDs and `any_code` is not set.
pub(crate) fn run(variants: &[Variant], out: Option<PathBuf>, any_code: bool) -> Result<()> {
    let cache = Cache::open(out)?;
    let lock = File::create(cache.bundles.join(".lock")).context("creating the cache's lock")?;
    lock.lock()
        .context("waiting for another build of the actors")?;
    for &variant in variants {
        if let Some(path) = cache.find(variant, any_code)? {
            println!("bundle {variant}: cached and checked, {}", path.display());
            continue;
        }
        let started = Instant::now();
        let bundle = build(variant, &cache)?;
        let differences = variant.differences(&bundle);
        if !differences.is_empty() {
            report(variant, &differences);
            ensure!(
                any_code,
                "the actors came out different. Build them with Debian 12's rustc 1.63 \
                 (scripts/setup.sh says how), or accept these for a network of your own \
                 with LOTUS_BUNDLE_ANY_CODE=true"
            );
        }
        let path = cache.store(variant, &bundle)?;
        println!(
            "bundle {variant}: {} in {:.0} s, {}",
            if differences.is_empty() {
                "built, all CIDs as expected"
            } else {
                "built"
            },
            started.elapsed().as_secs_f64(),
            path.display()
        );
    }
    Ok(())
}

fn report(variant: Variant, differences: &[variant::Difference]) {
    eprintln!("bundle {variant}: these CIDs are not the expected ones:");
    for difference in differences {
        eprintln!("  {:17} expected {}", difference.name, difference.expected);
        eprintln!("  {:17} built    {}", "", difference.built);
    }
}

/// Compiles the twelve actors and packs them.
fn build(variant: Variant, cache: &Cache) -> Result<Bundle> {
    println!("bundle {variant}: compiling the actors v9 with rustc 1.63, about two minutes");
    let script = workspace::root().join("bundles/v9/build.sh");
    let status = Command::new(&script)
        .arg(variant.to_string())
        .arg(&cache.target)
        .status()
        .with_context(|| format!("starting {}", script.display()))?;
    ensure!(
        status.success(),
        "{} failed for {variant}",
        script.display()
    );
    let wasm = cache.target.join("wasm32-unknown-unknown/wasm");
    let actors = variant::ACTORS
        .iter()
        .map(|(package, name)| {
            let path = wasm.join(format!("fil_actor_{package}.wasm"));
            let code = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            ensure!(
                code.starts_with(b"\0asm\x01\0\0\0"),
                "{} is not WASM",
                path.display()
            );
            Ok(((*name).to_owned(), code))
        })
        .collect::<Result<Vec<_>>>()?;
    Bundle::new(actors)
}

/// Where bundles are kept and built.
#[derive(Debug)]
struct Cache {
    bundles: PathBuf,
    target: PathBuf,
}

impl Cache {
    /// `out`, or `bundles` in the cache of this project.
    fn open(out: Option<PathBuf>) -> Result<Self> {
        let root = root()?;
        let bundles = out.unwrap_or_else(|| root.join("bundles"));
        fs::create_dir_all(&bundles).with_context(|| format!("creating {}", bundles.display()))?;
        Ok(Self {
            bundles,
            target: root.join("bundle-target"),
        })
    }

    /// The cached bundle of `variant`, when it is there, whole, and has the right CIDs.
    fn find(&self, variant: Variant, any_code: bool) -> Result<Option<PathBuf>> {
        let expected = self.bundles.join(format!("{}.car", variant.manifest()));
        let linked = self.link(variant);
        if any_code && let Some(bundle) = read(&linked) {
            return Ok(Some(self.bundles.join(file_name(&bundle))));
        }
        let Some(bundle) = read(&expected) else {
            return Ok(None);
        };
        if !variant.differences(&bundle).is_empty() {
            return Ok(None);
        }
        self.point(variant, &bundle)?;
        Ok(Some(expected))
    }

    fn store(&self, variant: Variant, bundle: &Bundle) -> Result<PathBuf> {
        let path = self.bundles.join(file_name(bundle));
        let partial = path.with_extension("partial");
        let mut file =
            File::create(&partial).with_context(|| format!("creating {}", partial.display()))?;
        file.write_all(&bundle.to_car()?)
            .and_then(|()| file.sync_all())
            .with_context(|| format!("writing {}", partial.display()))?;
        fs::rename(&partial, &path).with_context(|| format!("naming {}", path.display()))?;
        self.point(variant, bundle)?;
        Ok(path)
    }

    fn link(&self, variant: Variant) -> PathBuf {
        self.bundles.join(format!("{variant}.car"))
    }

    /// Lets the variant's link name `bundle`, in one step.
    fn point(&self, variant: Variant, bundle: &Bundle) -> Result<()> {
        let (name, link) = (file_name(bundle), self.link(variant));
        if fs::read_link(&link).is_ok_and(|target| target == Path::new(&name)) {
            return Ok(());
        }
        let partial = link.with_extension("partial");
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                bail!("removing {}: {error}", partial.display())
            }
            _ => {}
        }
        std::os::unix::fs::symlink(&name, &partial)
            .and_then(|()| fs::rename(&partial, &link))
            .with_context(|| format!("linking {} to {name}", link.display()))
    }
}

fn file_name(bundle: &Bundle) -> String {
    format!("{}.car", bundle.manifest())
}

/// The bundle in a file; a missing or damaged one is none, and gets built anew.
fn read(path: &Path) -> Option<Bundle> {
    let bytes = fs::read(path).ok()?;
    match Bundle::from_car(&bytes) {
        Ok(bundle) => Some(bundle),
        Err(error) => {
            eprintln!(
                "bundle: {} is damaged and is built anew: {error:#}",
                path.display()
            );
            None
        }
    }
}

/// `$LOTUS_RS_CACHE`, else `lotus-rs` in the user's cache folder; scripts/env.sh says the same.
fn root() -> Result<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    folder("LOTUS_RS_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("lotus-rs")))
        .or_else(|| Some(folder("HOME")?.join(".cache/lotus-rs")))
        .context("neither LOTUS_RS_CACHE nor XDG_CACHE_HOME nor HOME is set")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(code: &[u8]) -> Bundle {
        let actors = variant::ACTORS.iter().map(|(_, name)| {
            let code = [b"\0asm\x01\0\0\0", name.as_bytes(), code].concat();
            ((*name).to_owned(), code)
        });
        Bundle::new(actors.collect()).unwrap()
    }

    fn cache(folder: &tempfile::TempDir) -> Cache {
        Cache {
            bundles: folder.path().to_owned(),
            target: folder.path().join("target"),
        }
    }

    mod a_cached_bundle {
        use super::*;

        #[test]
        fn of_other_code_is_found_only_when_any_code_is_accepted() {
            let folder = tempfile::tempdir().unwrap();
            let cache = cache(&folder);
            let path = cache.store(Variant::Devnet, &bundle(b"one")).unwrap();
            assert_eq!(cache.find(Variant::Devnet, true).unwrap(), Some(path));
            assert_eq!(cache.find(Variant::Devnet, false).unwrap(), None);
            assert_eq!(cache.find(Variant::TestingFakeProofs, true).unwrap(), None);
        }

        #[test]
        fn is_built_anew_when_its_file_is_damaged() {
            let folder = tempfile::tempdir().unwrap();
            let cache = cache(&folder);
            let path = cache.store(Variant::Devnet, &bundle(b"one")).unwrap();
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(&path, bytes).unwrap();
            assert_eq!(cache.find(Variant::Devnet, true).unwrap(), None);
        }

        #[test]
        fn gives_its_link_to_a_newer_one() {
            let folder = tempfile::tempdir().unwrap();
            let cache = cache(&folder);
            cache.store(Variant::Devnet, &bundle(b"one")).unwrap();
            let newer = bundle(b"two");
            cache.store(Variant::Devnet, &newer).unwrap();
            let target = fs::read_link(folder.path().join("devnet.car")).unwrap();
            assert_eq!(target, Path::new(&format!("{}.car", newer.manifest())));
        }
    }
}
