//! The provider's protocols: what peers ask, answered.

use futures::{StreamExt as _, stream};
use lotus_net::{IncomingStreams, NetService, RegisterError, RequestStream, StreamError};
use lotus_types::Address;
use serde::Serialize;

use super::{MarketProvider, ProviderDeal};
use crate::{
    ask,
    protocol::{
        ASK_PROTOCOL, AskRequest, AskResponse, DEAL_PROTOCOL, DEAL_PROTOCOL_1_2_1, DealParams,
        DealResponse, DealStatus, DealStatusRequest, DealStatusResponse, REQUEST_LIMITS,
        STATUS_PROTOCOL, WRITE_LIMIT,
    },
    retrieval_query::{self, QUERY_PROTOCOL, QueryRequest},
};

/// Requests of one protocol that are worked on at once; more wait in the network's bounded queue.
const AT_ONCE: usize = 16;

/// The protocols, registered.
#[derive(Debug)]
pub(super) struct Streams {
    deals: IncomingStreams,
    deals_1_2_1: IncomingStreams,
    status: IncomingStreams,
    asks: IncomingStreams,
    queries: IncomingStreams,
}

impl Streams {
    pub(super) fn register(net: &NetService) -> Result<Self, RegisterError> {
        Ok(Self {
            deals: net.register(DEAL_PROTOCOL)?,
            deals_1_2_1: net.register(DEAL_PROTOCOL_1_2_1)?,
            status: net.register(STATUS_PROTOCOL)?,
            asks: net.register(ASK_PROTOCOL)?,
            queries: net.register(QUERY_PROTOCOL)?,
        })
    }
}

/// Answers the streams of one protocol, some at once.
async fn each<F: Future<Output = Result<(), StreamError>>>(
    incoming: IncomingStreams,
    answer: impl Fn(RequestStream) -> F,
) {
    let streams = stream::unfold(incoming, |mut incoming| async move {
        incoming.next().await.map(|stream| (stream, incoming))
    });
    streams
        .for_each_concurrent(AT_ONCE, |stream| async {
            let (peer, protocol) = (stream.peer().clone(), stream.protocol().to_owned());
            if let Err(error) = answer(stream).await {
                tracing::debug!(%peer, protocol, %error, "a request was not answered");
            }
        })
        .await;
}

async fn reply<T: Serialize + Sync>(
    mut stream: RequestStream,
    answer: &T,
) -> Result<(), StreamError> {
    stream.write_value(answer, WRITE_LIMIT).await?;
    stream.finish(WRITE_LIMIT).await
}

impl MarketProvider {
    pub(super) async fn answer_streams(&self, streams: Streams) {
        tokio::join!(
            each(streams.deals, |stream| self.answer_proposal(stream)),
            each(streams.deals_1_2_1, |stream| self.answer_proposal(stream)),
            each(streams.status, |stream| self.answer_status(stream)),
            each(streams.asks, |stream| self.answer_ask(stream)),
            each(streams.queries, |stream| self.answer_query(stream)),
        );
    }

    async fn answer_proposal(&self, mut stream: RequestStream) -> Result<(), StreamError> {
        let params: DealParams = stream.read(REQUEST_LIMITS).await?;
        let (uuid, peer) = (params.deal_uuid, stream.peer().to_string());
        let message = match self.decide(params, &peer).await {
            Ok(()) => String::new(),
            Err(refusal) => {
                tracing::info!(%uuid, peer, %refusal, "a deal proposal was refused");
                refusal.to_string()
            }
        };
        let accepted = message.is_empty();
        reply(stream, &DealResponse { message, accepted }).await
    }

    async fn answer_ask(&self, mut stream: RequestStream) -> Result<(), StreamError> {
        let request: AskRequest = stream.read(REQUEST_LIMITS).await?;
        let none = AskResponse { ask: None };
        let answer = match self.ask() {
            Ok(signed) if request.miner == self.0.config.miner && signed.ask.is_some() => {
                ask::to_wire(signed)
            }
            Ok(_) => none,
            Err(error) => {
                tracing::error!(%error, "the storage ask cannot be read");
                none
            }
        };
        reply(stream, &answer).await
    }

    /// Is a DAG stored here? Payments, were there any, would go to the worker, as in Lotus.
    async fn answer_query(&self, mut stream: RequestStream) -> Result<(), StreamError> {
        let request: QueryRequest = stream.read(REQUEST_LIMITS).await?;
        let payee = match self.terms().await {
            Ok(terms) => terms.worker,
            Err(_) => self.0.config.miner,
        };
        let index = self.0.index.clone();
        let looked_up =
            tokio::task::spawn_blocking(move || retrieval_query::answer(&index, payee, &request));
        match looked_up.await {
            Ok(answer) => reply(stream, &answer).await,
            // The node is stopping; dropping the stream tells the peer.
            Err(_) => Ok(()),
        }
    }

    async fn answer_status(&self, mut stream: RequestStream) -> Result<(), StreamError> {
        let request: DealStatusRequest = stream.read(REQUEST_LIMITS).await?;
        let answer = match self.status(&request).await {
            Ok(answer) => answer,
            Err(error) => DealStatusResponse {
                error,
                deal_uuid: request.deal_uuid,
                is_offline: false,
                deal_status: None,
                transfer_size: 0,
                bytes_received: 0,
            },
        };
        reply(stream, &answer).await
    }

    /// A deal's state, for its client only.
    async fn status(&self, request: &DealStatusRequest) -> Result<DealStatusResponse, String> {
        let uuid = request.deal_uuid;
        let deal = self.0.store.by_uuid(uuid).map_err(|error| {
            tracing::error!(%error, "a deal cannot be read");
            "failed to fetch deal status".to_owned()
        })?;
        let deal = deal.ok_or_else(|| format!("no storage deal found with deal UUID {uuid}"))?;
        let client: Address = deal.proposal().client;
        let key = self.0.chain.key_address(&client).await;
        let key = key
            .ok()
            .flatten()
            .ok_or_else(|| format!("failed to get account key for client addr {client}"))?;
        lotus_crypto::verify(&request.signature, &key, uuid.as_bytes())
            .map_err(|_| "signature verification failed".to_owned())?;
        let sealing_status = self.sealing_status(&deal).await;
        Ok(DealStatusResponse {
            error: String::new(),
            deal_uuid: uuid,
            is_offline: deal.params.is_offline,
            transfer_size: deal.params.transfer.size,
            bytes_received: deal.received,
            deal_status: Some(DealStatus {
                error: deal.failure(),
                status: deal.checkpoint().name().to_owned(),
                proposal: deal.proposal().clone(),
                publish_cid: deal.publish_cid,
                chain_deal_id: deal.deal_id,
                sealing_status,
                signed_proposal_cid: deal.proposal_cid,
            }),
        })
    }

    async fn sealing_status(&self, deal: &ProviderDeal) -> String {
        let Some(place) = deal.place else {
            return String::new();
        };
        let state = self.0.sealing.state(place.sector).await;
        state
            .ok()
            .flatten()
            .map_or_else(String::new, |state| state.name().to_owned())
    }
}
