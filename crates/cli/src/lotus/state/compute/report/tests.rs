//! Reports of made-up traces.

use lotus_rpc_api::types::{
    go::Nanos,
    trace::{GasTrace, MessageTrace, MsgGasCost, ReturnTrace},
};
use lotus_types::{BlockHeader, Bytes, ExitCode, Message, Receipt, Ticket, TipsetKey, TokenAmount};

use super::*;

const MARKUP: &str = "<script>alert(\"a\")</script>";

fn tipset() -> Tipset {
    let header = BlockHeader {
        ticket: Some(Ticket {
            vrf_proof: Bytes::from(vec![1]),
        }),
        timestamp: 1_785_357_021,
        ..BlockHeader::bare(Address::new_id(1000), 355, TipsetKey::default())
    };
    Tipset::new(vec![header]).expect("tipset")
}

fn call(depth: usize) -> ExecutionTrace {
    let (from, to) = (Address::new_id(1), Address::new_id(2));
    ExecutionTrace {
        msg: MessageTrace {
            from,
            to,
            value: TokenAmount::zero(),
            method: 7,
            params: Bytes::from(vec![0xca, 0xfe]),
            params_codec: 0,
            gas_limit: 9,
            read_only: false,
        },
        msg_rct: ReturnTrace {
            exit_code: ExitCode(i64::from(depth == 0) * 16),
            return_data: Bytes::new(),
            return_codec: 0,
        },
        gas_charges: vec![GasTrace {
            name: MARKUP.to_owned(),
            total_gas: 1_500,
            compute_gas: 1_000,
            storage_gas: 500,
            time_taken: Nanos(20_000_000),
        }],
        subcalls: (0..depth.min(1)).map(|_| call(depth - 1)).collect(),
    }
}

fn computed(depth: usize) -> ComputeStateOutput {
    let message = Message::transfer(Address::new_id(1), Address::new_id(2), TokenAmount::zero());
    ComputeStateOutput {
        root: Cid::of_block(b"root"),
        trace: vec![InvocResult {
            msg_cid: message.cid(),
            msg: message,
            msg_rct: Receipt {
                exit_code: ExitCode(0),
                return_data: Bytes::new(),
                gas_used: 1_234_567,
            },
            gas_cost: MsgGasCost::default(),
            execution_trace: call(depth),
            error: MARKUP.to_owned(),
            duration: Nanos(0),
        }],
    }
}

fn page(computed: &ComputeStateOutput, timing: bool) -> String {
    let report = Report {
        tipset: &tipset(),
        computed,
        codes: &Codes::default(),
        actors: &BTreeMap::new(),
        timing,
    };
    let mut out = Vec::new();
    report.write(&mut out).expect("memory");
    String::from_utf8(out).expect("text")
}

#[test]
fn foreign_texts_are_no_markup() {
    let page = page(&computed(2), true);
    assert!(!page.contains("<script"), "{page}");
    assert!(page.matches("alert(&quot;a&quot;)").count() > 5, "{page}");
}

#[test]
fn every_call_is_there_with_its_totals() {
    let page = page(&computed(3), true);
    assert_eq!(page.matches("<details class=\"call\">").count(), 3);
    let deepest = "1\u{202f}500 gas</span> <span class=\"slow\">20ms</span>";
    assert_eq!(page.matches(deepest).count(), 1, "{page}");
    assert!(page.contains("4\u{202f}500 gas</span>"), "{page}");
    assert!(page.contains("<span class=\"exit bad\">exit 16</span>"));
    assert!(page.contains("raw:cafe"));
}

#[test]
fn the_page_is_closed_and_asks_for_nothing() {
    let page = page(&computed(40), true);
    for tag in ["details", "table", "article", "div", "pre", "dl", "main"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    for outside in ["http://", "https://", "src=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn time_can_be_left_out() {
    let page = page(&computed(1), false);
    for word in ["20ms", "40ms", ">Time<"] {
        assert!(!page.contains(word), "{word}");
    }
}
