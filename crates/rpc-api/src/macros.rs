//! The `rpc_api!` macro.

/// Describes a group of methods once; yields the trait, its client, its handlers and its table.
///
/// ```text
/// rpc_api! {
///     /// Unconfirmed messages.
///     pub trait MpoolApi {
///         /// Next nonce for `addr`, counting pooled messages.
///         #[method("MpoolGetNonce", Read)]
///         fn mpool_get_nonce(addr: Address) -> u64;
///         /// Waits for …: `Waits` lifts the client's ordinary time limit.
///         #[method("StateWaitMsg", Read, Waits)]
///         fn state_wait_msg(cid: Cid, confidence: u64; limit: ChainEpoch) -> MsgLookup;
///         /// Changes of the pool: `=>` names the values of a channel.
///         #[method("MpoolSub", Read, Channel)]
///         fn mpool_sub() => MpoolUpdate;
///     }
/// }
/// ```
///
/// Parameters after a `;` may be left out by the caller; the implementation gets an `Option`. A
/// method without `->` has no result. For the trait `T` above:
/// - `T` has an async method for each, which answers "not supported" unless overridden;
/// - [`ApiClient`](crate::ApiClient) implements `T`;
/// - `<dyn T>::METHODS` is the table, `<dyn T>::handlers(api)` binds an implementation.
///
/// Implementations are written with `#[async_trait]`.
///
/// `pub trait MpoolApi, answered by HasMpool::mpool { … }` also makes the trait `HasMpool`: who
/// implements its one method `mpool(&self) -> &dyn MpoolApi` implements `MpoolApi` by that.
#[macro_export]
macro_rules! rpc_api {
    (
        $(#[doc = $tdoc:literal])*
        $vis:vis trait $Trait:ident, answered by $Has:ident::$get:ident { $($methods:tt)* }
    ) => {
        $crate::rpc_api! {
            $(#[doc = $tdoc])*
            $vis trait $Trait { $($methods)* }
        }
        $crate::rpc_api! { @answered $vis $Trait $Has $get $($methods)* }
    };

    (@answered $vis:vis $Trait:ident $Has:ident $get:ident $(
        $(#[doc = $doc:literal])*
        #[method($lotus:literal, $perm:ident $(, $kind:ident)?)]
        fn $name:ident($($arg:ident: $ty:ty),* $(; $($oarg:ident: $oty:ty),+)?)
            $(-> $ret:ty)? $(=> $item:ty)?;
    )*) => {
        #[doc = concat!("Leaves [`", stringify!($Trait), "`] to someone else.")]
        $vis trait $Has: Send + Sync {
            /// Who answers.
            fn $get(&self) -> &dyn $Trait;
        }

        #[$crate::__private::async_trait]
        impl<T: $Has> $Trait for T {$(
            async fn $name(&self, $($arg: $ty,)* $($($oarg: Option<$oty>,)+)?)
                -> Result<$crate::rpc_api!(@return [$($ret)?] [$($item)?]), $crate::RpcError>
            {
                <dyn $Trait>::$name($Has::$get(self), $($arg,)* $($($oarg,)+)?).await
            }
        )*}
    };

    (
        $(#[doc = $tdoc:literal])*
        $vis:vis trait $Trait:ident {$(
            $(#[doc = $doc:literal])*
            #[method($lotus:literal, $perm:ident $(, $kind:ident)?)]
            fn $name:ident($($arg:ident: $ty:ty),* $(; $($oarg:ident: $oty:ty),+)?)
                $(-> $ret:ty)? $(=> $item:ty)?;
        )*}
    ) => {
        $(#[doc = $tdoc])*
        #[allow(clippy::too_many_arguments, reason = "as many as Lotus' method has")]
        #[$crate::__private::async_trait]
        $vis trait $Trait: Send + Sync {$(
            $(#[doc = $doc])*
            #[doc = concat!(
                "\n\n`Filecoin.", $lotus, "`, permission ", stringify!($perm), ".\n\n# Errors\n",
                "What the implementation answers; \"not supported\" when it has none."
            )]
            async fn $name(&self, $($arg: $ty,)* $($($oarg: Option<$oty>,)+)?)
                -> Result<$crate::rpc_api!(@return [$($ret)?] [$($item)?]), $crate::RpcError>
            {
                let _ = ($(&$arg,)* $($(&$oarg,)+)?);
                Err($crate::RpcError::not_supported(concat!("Filecoin.", $lotus)))
            }
        )*}

        #[allow(clippy::too_many_arguments, reason = "as many as Lotus' method has")]
        #[$crate::__private::async_trait]
        impl $Trait for $crate::ApiClient {$(
            async fn $name(&self, $($arg: $ty,)* $($($oarg: Option<$oty>,)+)?)
                -> Result<$crate::rpc_api!(@return [$($ret)?] [$($item)?]), $crate::RpcError>
            {
                const INFO: &$crate::MethodInfo = &$crate::rpc_api!(@info $lotus $perm
                    [$($kind)?] ($($arg: $ty),*) ($($($oarg: $oty),+)?) [$($ret)? $($item)?]
                    [$($doc)*]);
                #[allow(unused_mut, reason = "a method may have no parameters")]
                let mut params = $crate::ParamWriter::new(INFO);
                $(params.push(&$arg)?;)*
                $($(params.push_optional($oarg.as_ref())?;)+)?
                $crate::rpc_api!(@ask self INFO params [$($ret)?] [$($item)?])
            }
        )*}

        impl dyn $Trait {
            /// What is known of each method.
            $vis const METHODS: &'static [$crate::MethodInfo] = &[$(
                $crate::rpc_api!(@info $lotus $perm [$($kind)?] ($($arg: $ty),*)
                    ($($($oarg: $oty),+)?) [$($ret)? $($item)?] [$($doc)*])
            ),*];

            /// Binds an implementation to the methods' names.
            $vis fn handlers<A: $Trait + ?Sized + 'static>(
                api: ::std::sync::Arc<A>,
            ) -> Vec<$crate::Handler> {
                vec![$({
                    const INFO: &$crate::MethodInfo = &$crate::rpc_api!(@info $lotus $perm
                        [$($kind)?] ($($arg: $ty),*) ($($($oarg: $oty),+)?) [$($ret)? $($item)?]
                        [$($doc)*]);
                    let api = ::std::sync::Arc::clone(&api);
                    $crate::Handler::new(INFO, move |params| {
                        #[allow(unused_mut, unused_variables, reason = "there may be no parameters")]
                        let mut params = params;
                        $(let $arg: $ty = params.read()?;)*
                        $($(let $oarg: Option<$oty> = params.read_optional()?;)+)?
                        let api = ::std::sync::Arc::clone(&api);
                        Ok(Box::pin(async move {
                            let answer = api.$name($($arg,)* $($($oarg,)+)?).await?;
                            $crate::rpc_api!(@encode INFO answer [$($ret)?] [$($item)?])
                        }))
                    })
                }),*]
            }
        }
    };

    (@return [] []) => { () };
    (@return [$ret:ty] []) => { $ret };
    (@return [] [$item:ty]) => { $crate::Subscription<$item> };

    (@ask $self:ident $info:ident $params:ident [] []) => {
        $self.call_unit($info, $params.finish()?).await
    };
    (@ask $self:ident $info:ident $params:ident [$ret:ty] []) => {
        $self.call($info, $params.finish()?).await
    };
    (@ask $self:ident $info:ident $params:ident [] [$item:ty]) => {
        $self.subscribe($info, $params.finish()?).await
    };

    (@encode $info:ident $answer:ident [] []) => {
        $crate::__private::encode_empty($info, $answer)
    };
    (@encode $info:ident $answer:ident [$ret:ty] []) => {
        $crate::__private::encode_value($info, $answer)
    };
    (@encode $info:ident $answer:ident [] [$item:ty]) => {
        $crate::__private::encode_stream($info, $answer)
    };

    (@info $lotus:literal $perm:ident [$($kind:ident)?] ($($arg:ident: $ty:ty),*)
        ($($oarg:ident: $oty:ty),*) [$($ret:ty)?] [$($doc:literal)*]) => {
        $crate::MethodInfo {
            name: concat!("Filecoin.", $lotus),
            permission: $crate::Permission::$perm,
            params: &[
                $($crate::ParamInfo {
                    name: stringify!($arg), ty: stringify!($ty), optional: false
                },)*
                $($crate::ParamInfo {
                    name: stringify!($oarg), ty: stringify!($oty), optional: true
                },)*
            ],
            result: $crate::rpc_api!(@result [$($ret)?]),
            kind: $crate::rpc_api!(@kind [$($kind)?]),
            doc: concat!($($doc, "\n"),*),
        }
    };
    (@result []) => { None };
    (@result [$ret:ty]) => { Some(stringify!($ret)) };
    (@kind []) => { $crate::MethodKind::Call };
    (@kind [$kind:ident]) => { $crate::MethodKind::$kind };
}
