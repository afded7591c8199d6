//! The two builds of the actors and the CIDs that must come out of them.
//!
//! The CIDs are those of Debian 12's rustc 1.63; the build is reproducible, so a difference means
//! another compiler or altered sources. Official bundles have other CIDs still.

use std::fmt;

use crate::bundle::car::Bundle;

/// Package (`fil_actor_<package>`) and name in the manifest, by type id from 1.
pub(crate) const ACTORS: [(&str, &str); 12] = [
    ("system", "system"),
    ("init", "init"),
    ("cron", "cron"),
    ("account", "account"),
    ("power", "storagepower"),
    ("miner", "storageminer"),
    ("market", "storagemarket"),
    ("paych", "paymentchannel"),
    ("multisig", "multisig"),
    ("reward", "reward"),
    ("verifreg", "verifiedregistry"),
    ("datacap", "datacap"),
];

/// Which network's rules are compiled into the actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Variant {
    /// 2 KiB and 8 MiB sectors, small deals, short pre-commit delay; real proofs
    Devnet,
    /// All sector sizes, and proof bytes that the mock prover makes are accepted; for tests
    TestingFakeProofs,
}

impl fmt::Display for Variant {
    /// The name that `fil_actors_runtime` knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Devnet => "devnet",
            Self::TestingFakeProofs => "testing-fake-proofs",
        })
    }
}

/// A CID that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// `manifest`, or the actor's name in the manifest.
    pub(crate) name: String,
    pub(crate) expected: &'static str,
    pub(crate) built: String,
}

impl Variant {
    /// CID of the manifest that must come out.
    pub(crate) fn manifest(self) -> &'static str {
        self.expected().manifest
    }

    /// Every CID of `bundle` that is not the expected one; empty when all thirteen agree.
    pub(crate) fn differences(self, bundle: &Bundle) -> Vec<Difference> {
        let expected = self.expected();
        let mut differences = Vec::new();
        let mut compare = |name: &str, expected: &'static str, built: Option<String>| {
            let built = built.unwrap_or_else(|| "nothing".to_owned());
            if built != expected {
                differences.push(Difference {
                    name: name.to_owned(),
                    expected,
                    built,
                });
            }
        };
        compare(
            "manifest",
            expected.manifest,
            Some(bundle.manifest().to_string()),
        );
        for ((_, name), cid) in ACTORS.iter().zip(expected.code) {
            let built = bundle.code().find(|(built, _)| built == name);
            compare(name, cid, built.map(|(_, cid)| cid.to_string()));
        }
        differences
    }

    fn expected(self) -> &'static Expected {
        match self {
            Self::Devnet => &DEVNET,
            Self::TestingFakeProofs => &TESTING_FAKE_PROOFS,
        }
    }
}

struct Expected {
    manifest: &'static str,
    /// In the order of [`ACTORS`].
    code: [&'static str; 12],
}

const DEVNET: Expected = Expected {
    manifest: "bafy2bzacecvjqaywfzles6mdpsupzostucfam2vmz6fo4du445wdw6z73uosk",
    code: [
        "bafk2bzacedvg2o24omjdehgt2ws3aktezkig7obu6zbwvrrdfelr2s3n5hbjo",
        "bafk2bzacedychr54ltu5npbpbelrdgmbca7carzbuw4fi3zqobqa5mctzy2b6",
        "bafk2bzacebkjmtityb6zwwzn7656wepim4kkjxinupzzb5ht3b4c5lxzoepy6",
        "bafk2bzacean5ka3rftg3as4ycjsxs3t2xlzpy3mcpaj3k273fj24wighcd2ze",
        "bafk2bzacecb4z7vfcpslb6t4enihfakwv2vvaqkxvdkf7lc36p4rd26nslah2",
        "bafk2bzacedtszm5cemeqi5o2jumtr72inufq7kla3vuitrcbepmzo6h7lzlj2",
        "bafk2bzaceargogte3xyvjbxbscmyjzkdggxndw5hjduzhnpyx5uoru2usckf6",
        "bafk2bzacec74b55syb4lo4xfwefzbqshv6ojl6uap6jum42upuct5o6saxm56",
        "bafk2bzacecvyrles552mmwdogdgtjenyzk2uqhj4bbs5amkawzlcb4x4zm5ic",
        "bafk2bzacecke6zxfujximvfinsr5wdg7do4lgqx76y2dnpifz2qef737hewhm",
        "bafk2bzaceca32y5ihflvkcog5sndijqfyklv4lvj67wxz45ffuegp5e3xnjz6",
        "bafk2bzacedshpsln7eljo25mukkwx3yuv4xxzrovujv6ze7e4vvzeslmbcens",
    ],
};

const TESTING_FAKE_PROOFS: Expected = Expected {
    manifest: "bafy2bzaceas7ozlvrnt7hjwccu5vlgioqltszouymtbacntg44g5mgvaqvypw",
    code: [
        "bafk2bzaceawxbkkgamolfxrjphbpnjogmzu422qapmvkcsskontqrdmglsuhi",
        "bafk2bzacec3fffx3btagfuqzy33tkdc7i6id2qibw2zcaaqqas45yluc6zrx4",
        "bafk2bzacecr5tur2ii2gbqazj7b6asp6gkuhmqxswgisprv77bddi3jna4lt6",
        "bafk2bzacedbdwm3ifwnrwws5xqc4g4xshrev3qnrhvb7ch2dvfuke5vdcfelo",
        "bafk2bzacedkp33csdfweehqg66sone4cjpzsrp7qnagbb4cm55bwuydpsdbes",
        "bafk2bzacebu3v4di7px72oakihggbxlh636orl6jngublmxuz3mlxmpaku4gg",
        "bafk2bzaced2jixoe5ftmyan7fbsbzakgno6ngu2npfcqesdt4yn44hrzn4wyy",
        "bafk2bzacecvr53yf7rc6ighvqyl5iplvpbmr2bmzw42o7mibtcnmhwqe4ukc4",
        "bafk2bzaceavgjdammw7rzhgwuhsugdw5nkrbdhgusoexvcehx4hynr3bv3jog",
        "bafk2bzacedxvhpcscq25quf7lrv54cmwmsqok5jqnsvpboylerm3pggagoyte",
        "bafk2bzaceblpr6jez3fc66shqkitpuzgbogvlyty54gy5jufpwff3ozgwzf3c",
        "bafk2bzacedrks73exn6mu7sr2b5t6u7on2oon3bqddk7lcfcogd33humcp2kw",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_code_differs_in_the_manifest_and_in_every_actor() {
        let actors = ACTORS
            .iter()
            .map(|(_, name)| ((*name).to_owned(), name.as_bytes().to_vec()));
        let bundle = Bundle::new(actors.collect()).unwrap();
        let differences = Variant::Devnet.differences(&bundle);
        assert_eq!(differences.len(), 13);
        assert_eq!(differences[0].name, "manifest");
        assert_eq!(differences[0].built, bundle.manifest().to_string());
    }

    #[test]
    fn a_missing_actor_is_a_difference() {
        let bundle = Bundle::new(vec![]).unwrap();
        let last = Variant::Devnet.differences(&bundle).pop().unwrap();
        assert_eq!(
            (last.name.as_str(), last.built.as_str()),
            ("datacap", "nothing")
        );
    }
}
