use super::*;

const LOCALNET: &str = include_str!("../../../../fixtures/lotus/real-chain/localnet.json");

fn localnet() -> Template {
    Template::parse(LOCALNET.as_bytes()).expect("reads")
}

fn refused(change: impl FnOnce(&mut Template)) -> String {
    let mut template = localnet();
    change(&mut template);
    let error = template.check().expect_err("is refused");
    assert!(error.is_templates_fault());
    error.to_string()
}

#[test]
fn a_template_of_lotus_seed_prints_as_it_was_read() {
    let template = localnet();
    assert_eq!(template.to_json(), LOCALNET);
    template.check().expect("is good");
}

#[test]
fn a_new_template_with_its_miner_added_is_the_recorded_one() {
    let recorded = localnet();
    let mut template = Template::new(recorded.network_name.clone());
    assert!(
        template
            .check()
            .expect_err("no miners")
            .to_string()
            .contains("add-miner")
    );
    template
        .add_miner(recorded.miners[0].clone())
        .expect("is the next one");
    assert_eq!(template, recorded);
}

#[test]
fn miners_out_of_order_are_refused() {
    let mut template = localnet();
    let again = template.miners[0].clone();
    let error = template
        .add_miner(again)
        .expect_err("is there already")
        .to_string();
    assert!(
        error.contains("t01000") && error.contains("t01001"),
        "{error}"
    );
}

#[test]
fn signers_get_accounts_and_the_registry() {
    let mut template = localnet();
    let signer = template.accounts[0].clone();
    let Meta::Account(AccountMeta { owner }) = signer.meta else {
        panic!("an account")
    };
    assert!(template.set_signers(vec![owner], 2).is_err());
    assert!(template.set_signers(Vec::new(), 0).is_err());
    template.set_signers(vec![owner], 1).expect("one of one");
    assert_eq!(template.accounts[1].balance, TokenAmount::from_fil(50_000));
    let Meta::Multisig(meta) = &template.verifreg_root_key.meta else {
        panic!("a multisig")
    };
    assert_eq!(
        (meta.signers.as_slice(), meta.threshold),
        ([owner].as_slice(), 1)
    );
}

#[test]
fn what_go_prints_as_null_reads_as_empty() {
    let text = LOCALNET.replacen(
        "\"NetworkVersion\": 17,",
        "\"NetworkVersion\": 17, \"Extra\": 1,",
        1,
    );
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("json");
    json["Accounts"] = serde_json::Value::Null;
    json["Miners"][0]["Sectors"] = serde_json::Value::Null;
    let template = Template::parse(json.to_string().as_bytes()).expect("reads");
    assert!(template.accounts.is_empty() && template.miners[0].sectors.is_empty());
}

mod a_bad_template_is_refused_with_a_reason {
    use super::*;

    #[test]
    fn broken_json() {
        let error = Template::parse(b"{\n\"NetworkVersion\": }")
            .expect_err("broken")
            .to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn unknown_account_type() {
        let text = LOCALNET.replacen("\"account\"", "\"evm\"", 1);
        let error = Template::parse(text.as_bytes())
            .expect_err("unknown")
            .to_string();
        assert!(
            error.contains("evm") && error.contains("multisig"),
            "{error}"
        );
    }

    #[test]
    fn unsupported_network_version() {
        assert!(refused(|t| t.network_version = 18).contains("network version 18"));
    }

    #[test]
    fn more_fil_than_there_is() {
        let error = refused(|t| t.accounts[0].balance = TokenAmount::from_fil(900_000_001));
        assert!(
            error.contains("900000001 FIL") && error.contains("900000000 FIL"),
            "{error}"
        );
    }

    #[test]
    fn negative_balance() {
        let error = refused(|t| t.accounts[0].balance = TokenAmount::from_fil(-1));
        assert!(error.contains("account 0"), "{error}");
    }

    #[test]
    fn account_without_a_key() {
        let error = refused(|t| {
            t.accounts[0] = Actor::account(Address::new_id(7), TokenAmount::zero());
        });
        assert!(error.contains("t07"), "{error}");
    }

    #[test]
    fn a_deal_with_another_provider() {
        let error = refused(|t| t.miners[0].sectors[1].deal.provider = Address::new_id(1001));
        assert!(
            error.contains("sector 1") && error.contains("t01001"),
            "{error}"
        );
    }

    #[test]
    fn a_sector_of_another_size() {
        let error = refused(|t| t.miners[0].sector_size = 8 << 20);
        assert!(error.contains("sector 0"), "{error}");
        assert!(refused(|t| t.miners[0].sector_size = 4096).contains("4096"));
    }
}
