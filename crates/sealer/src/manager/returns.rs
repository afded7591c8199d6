//! Results of calls, as workers deliver them.

use async_trait::async_trait;
use lotus_rpc_api::{
    ErrorObject, RpcError, code,
    miner::WorkerReturnApi,
    types::{
        go::Lenient,
        worker::{CallError, CallId},
    },
};
use lotus_types::{Bytes, PieceInfo, sector::SectorCids};

use super::Manager;
use crate::calls::Output;

impl Manager {
    fn returned(
        &self,
        call: &CallId,
        output: Option<Output>,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        let missing = || CallError::new(CallError::UNKNOWN, "the result is missing");
        let outcome = match (error, output) {
            (Some(error), _) => Err(error),
            (None, Some(output)) => Ok(output),
            (None, None) => Err(missing()),
        };
        // A record that cannot be written now: the worker must deliver again.
        self.deliver(call, outcome)
            .map_err(|e| RpcError::Unreachable {
                peer: "the record of calls".to_owned(),
                reason: e.to_string(),
            })
    }
}

fn unsupported(method: &str) -> RpcError {
    let text = format!("method 'Filecoin.{method}' not supported");
    RpcError::Answered(ErrorObject::new(code::METHOD_NOT_FOUND, text))
}

#[async_trait]
impl WorkerReturnApi for Manager {
    async fn return_data_cid(
        &self,
        call: CallId,
        piece: Lenient<PieceInfo>,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, piece.0.map(Output::Piece), error)
    }

    async fn return_add_piece(
        &self,
        call: CallId,
        piece: Lenient<PieceInfo>,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, piece.0.map(Output::Piece), error)
    }

    async fn return_seal_pre_commit1(
        &self,
        call: CallId,
        out: Bytes,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, Some(Output::Bytes(out)), error)
    }

    async fn return_seal_pre_commit2(
        &self,
        call: CallId,
        cids: Lenient<SectorCids>,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, cids.0.map(Output::Cids), error)
    }

    async fn return_seal_commit1(
        &self,
        call: CallId,
        out: Bytes,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, Some(Output::Bytes(out)), error)
    }

    async fn return_seal_commit2(
        &self,
        call: CallId,
        proof: Bytes,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, Some(Output::Bytes(proof)), error)
    }

    async fn return_finalize_sector(
        &self,
        call: CallId,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, Some(Output::Done), error)
    }

    async fn return_release_unsealed(
        &self,
        call: CallId,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, Some(Output::Done), error)
    }

    async fn return_move_storage(
        &self,
        call: CallId,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, Some(Output::Done), error)
    }

    async fn return_unseal_piece(
        &self,
        call: CallId,
        error: Option<CallError>,
    ) -> Result<(), RpcError> {
        self.returned(&call, Some(Output::Done), error)
    }

    async fn return_fetch(&self, call: CallId, error: Option<CallError>) -> Result<(), RpcError> {
        self.returned(&call, Some(Output::Done), error)
    }

    async fn return_download_sector(
        &self,
        _: CallId,
        _: Option<CallError>,
    ) -> Result<(), RpcError> {
        Err(unsupported("ReturnDownloadSector"))
    }
}
