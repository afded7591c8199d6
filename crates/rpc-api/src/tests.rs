//! The macro, tried on a toy API.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    ApiClient, CallStyle, Dispatcher, MethodInfo, MethodKind, Outcome, Permission, RawJson,
    RpcError, Subscription, Transport, code, rpc_api,
};

rpc_api! {
    /// Boxes with things in them.
    pub(crate) trait ToyApi {
        /// Adds two numbers.
        ///
        /// Really.
        #[method("ToyAdd", Read)]
        fn toy_add(a: i64, b: i64) -> i64;
        /// Puts things in, to the front when asked.
        #[method("ToyPut", Write)]
        fn toy_put(things: Vec<String>; front: bool) -> u64;
        /// Takes nothing and gives nothing.
        #[method("ToyReset", Admin)]
        fn toy_reset();
        /// The first thing in the box.
        #[method("ToyFirst", Read, Waits)]
        fn toy_first(which: Option<u64>) -> Option<Thing>;
        /// All things one by one.
        #[method("ToySub", Read, Channel)]
        fn toy_sub() => Thing;
        /// Nobody has this.
        #[method("ToyMissing", Read)]
        fn toy_missing(a: i64) -> i64;
    }
}

/// In a box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Thing {
    zebra: String,
    ant: f64,
}

#[derive(Default)]
struct Toy(Mutex<VecDeque<String>>);

#[async_trait]
impl ToyApi for Toy {
    async fn toy_add(&self, a: i64, b: i64) -> Result<i64, RpcError> {
        a.checked_add(b).ok_or_else(|| RpcError::new("too large"))
    }
    async fn toy_put(&self, things: Vec<String>, front: Option<bool>) -> Result<u64, RpcError> {
        let mut held = self.0.lock().expect("not poisoned");
        for thing in things {
            if front == Some(true) {
                held.push_front(thing)
            } else {
                held.push_back(thing)
            }
        }
        Ok(held.len() as u64)
    }
    async fn toy_reset(&self) -> Result<(), RpcError> {
        self.0.lock().expect("not poisoned").clear();
        Ok(())
    }
    async fn toy_first(&self, which: Option<u64>) -> Result<Option<Thing>, RpcError> {
        let held = self.0.lock().expect("not poisoned");
        let at = usize::try_from(which.unwrap_or(0)).expect("small");
        Ok(held.get(at).map(|z| Thing {
            zebra: z.clone(),
            ant: 2.0,
        }))
    }
    async fn toy_sub(&self) -> Result<Subscription<Thing>, RpcError> {
        let held = self.0.lock().expect("not poisoned").clone();
        Ok(Box::pin(
            stream::iter(held).map(|zebra| Thing { zebra, ant: 0.5 }),
        ))
    }
}

/// A transport without a wire.
#[derive(Debug)]
struct Direct(Dispatcher, Vec<Permission>);

#[async_trait]
impl Transport for Direct {
    async fn call(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Option<RawJson>, RpcError> {
        match self
            .0
            .call(method.name, Some(&params), &self.1, CallStyle::Channels)
            .await?
        {
            Outcome::Empty => Ok(None),
            Outcome::Value(v) => Ok(Some(v)),
            Outcome::Channel(_) => Err(RpcError::new("a channel")),
        }
    }
    async fn subscribe(
        &self,
        method: &'static MethodInfo,
        params: RawJson,
    ) -> Result<Subscription<RawJson>, RpcError> {
        match self
            .0
            .call(method.name, Some(&params), &self.1, CallStyle::Channels)
            .await?
        {
            Outcome::Channel(values) => Ok(values),
            _ => Err(RpcError::new("no channel")),
        }
    }
}

fn toy() -> Dispatcher {
    Dispatcher::new()
        .with(<dyn ToyApi>::handlers(Arc::new(Toy::default())))
        .alias("add", "Filecoin.ToyAdd")
}

fn client(permission: Permission) -> Arc<dyn ToyApi> {
    Arc::new(ApiClient::new(Arc::new(Direct(toy(), permission.up_to()))))
}

async fn ask(method: &str, params: &str) -> Result<String, RpcError> {
    let raw: &RawValue = serde_json::from_str(params).expect("the test's JSON is good");
    let all = Permission::ALL;
    let outcome = toy()
        .call(method, Some(raw), &all, CallStyle::RequestResponse)
        .await?;
    Ok(match outcome {
        Outcome::Empty => String::new(),
        Outcome::Value(v) => v.get().to_owned(),
        Outcome::Channel(_) => "channel".to_owned(),
    })
}

mod a_remote_api {
    use super::*;

    #[tokio::test]
    async fn is_called_like_a_local_one() {
        let api = client(Permission::Admin);
        assert_eq!(api.toy_add(2, 3).await, Ok(5));
        assert_eq!(api.toy_put(vec!["b".into()], None).await, Ok(1));
        assert_eq!(api.toy_put(vec!["a".into()], Some(true)).await, Ok(2));
        let first = api
            .toy_first(None)
            .await
            .expect("answers")
            .expect("not empty");
        assert_eq!(first.zebra, "a");
        assert_eq!(api.toy_first(Some(7)).await, Ok(None));
        let all: Vec<_> = api
            .toy_sub()
            .await
            .expect("a channel")
            .map(|t| t.zebra)
            .collect()
            .await;
        assert_eq!(all, ["a", "b"]);
        assert_eq!(api.toy_reset().await, Ok(()));
        assert_eq!(api.toy_first(None).await, Ok(None));
    }

    #[tokio::test]
    async fn passes_errors_on_with_their_code() {
        let error = client(Permission::Admin)
            .toy_add(i64::MAX, 1)
            .await
            .expect_err("too large");
        assert_eq!(error, RpcError::new("too large"));
        assert_eq!(error.code(), Some(code::METHOD));
    }

    #[tokio::test]
    async fn checks_permissions() {
        let api = client(Permission::Write);
        assert!(api.toy_put(vec![], None).await.is_ok());
        let error = api.toy_reset().await.expect_err("not admin").to_string();
        assert_eq!(
            error,
            "missing permission to invoke 'ToyReset' (need 'admin')"
        );
    }

    #[tokio::test]
    async fn says_what_it_does_not_have() {
        let error = client(Permission::Admin)
            .toy_missing(1)
            .await
            .expect_err("nobody has it");
        assert!(error.is_not_supported());
        assert_eq!(
            error.to_string(),
            "method 'Filecoin.ToyMissing' not supported"
        );
    }
}

mod parameters {
    use super::*;

    #[tokio::test]
    async fn may_be_null_where_go_has_nil() {
        assert_eq!(ask("Filecoin.ToyPut", "[null]").await, Ok("0".to_owned()));
        assert_eq!(
            ask("Filecoin.ToyFirst", "[null]").await,
            Ok("null".to_owned())
        );
        assert_eq!(ask("Filecoin.ToyReset", "null").await, Ok(String::new()));
    }

    #[tokio::test]
    async fn may_be_null_where_go_leaves_zero() {
        assert_eq!(
            ask("Filecoin.ToyAdd", "[null, 1]").await,
            Ok("1".to_owned())
        );
    }

    #[tokio::test]
    async fn may_leave_out_the_optional_end() {
        assert_eq!(
            ask("Filecoin.ToyPut", "[[\"a\"]]").await,
            Ok("1".to_owned())
        );
        assert_eq!(
            ask("Filecoin.ToyPut", "[[\"a\"], true]").await,
            Ok("1".to_owned())
        );
        assert_eq!(
            ask("Filecoin.ToyPut", "[[\"a\"], null]").await,
            Ok("1".to_owned())
        );
    }

    #[tokio::test]
    async fn are_counted() {
        for (params, got) in [("[]", 0), ("[1]", 1), ("[1,2,3]", 3)] {
            let error = ask("add", params).await.expect_err("wrong count");
            assert_eq!(error.code(), Some(code::INVALID_PARAMS));
            assert_eq!(
                error.to_string(),
                format!("wrong param count (method 'Filecoin.ToyAdd'): {got} != 2")
            );
        }
    }

    #[tokio::test]
    async fn are_of_their_type() {
        let error = ask("Filecoin.ToyAdd", "[1, \"2\"]")
            .await
            .expect_err("a string");
        assert_eq!(error.code(), Some(code::PARSE));
        assert_eq!(
            error.to_string(),
            "unmarshaling params for 'Filecoin.ToyAdd' (param: *int64): \
             json: cannot unmarshal string into Go value of type int64"
        );
        for bad in ["1.5", "99999999999999999999"] {
            let error = ask("add", &format!("[{bad}, 1]")).await.expect_err("bad");
            assert_eq!(error.code(), Some(code::PARSE));
            let text = format!("json: cannot unmarshal number {bad} into Go value of type int64");
            assert!(error.to_string().ends_with(&text), "{error}");
        }
        let error = ask("add", "{}").await.expect_err("no list");
        assert_eq!(
            error.to_string(),
            "unmarshaling param array: json: cannot unmarshal object into Go value of type \
             []jsonrpc.param"
        );
    }
}

mod a_method {
    use super::*;

    #[tokio::test]
    async fn must_exist() {
        let error = ask("Filecoin.Nope", "[]")
            .await
            .expect_err("no such method");
        assert_eq!(error.to_string(), "method 'Filecoin.Nope' not found");
        assert_eq!(error.code(), Some(code::METHOD_NOT_FOUND));
    }

    #[tokio::test]
    async fn with_a_channel_needs_a_connection_that_carries_it() {
        let error = ask("Filecoin.ToySub", "[]").await.expect_err("no channels");
        assert_eq!(
            error.to_string(),
            "method 'Filecoin.ToySub' not supported in this mode (no out channel support)"
        );
    }

    #[tokio::test]
    async fn keeps_the_order_of_fields_and_escapes_like_go() {
        let api = toy();
        let raw: &RawValue = serde_json::from_str("[[\"<a & b>\"]]").expect("good");
        let all = Permission::ALL;
        api.call("Filecoin.ToyPut", Some(raw), &all, CallStyle::Channels)
            .await
            .expect("put");
        let null: &RawValue = serde_json::from_str("[null]").expect("good");
        let outcome = api
            .call("Filecoin.ToyFirst", Some(null), &all, CallStyle::Channels)
            .await
            .expect("ok");
        let Outcome::Value(v) = outcome else {
            panic!("a value is expected")
        };
        assert_eq!(v.get(), r#"{"Zebra":"\u003ca \u0026 b\u003e","Ant":2}"#);
    }

    #[test]
    fn is_described_in_the_table() {
        let table = <dyn ToyApi>::METHODS;
        assert_eq!(table.len(), 6);
        let put = &table[1];
        assert_eq!(put.name, "Filecoin.ToyPut");
        assert_eq!(put.permission, Permission::Write);
        assert_eq!(put.params[0].ty, "Vec<String>");
        assert!(!put.params[0].optional && put.params[1].optional);
        assert_eq!(put.result, Some("u64"));
        assert_eq!(table[2].result, None);
        assert_eq!(table[3].kind, MethodKind::Waits);
        assert_eq!(table[4].kind, MethodKind::Channel);
        assert_eq!(table[4].result, Some("Thing"));
        assert!(table[0].doc.contains("Adds two numbers.") && table[0].doc.contains("Really."));
    }
}
