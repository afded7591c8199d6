//! One HTTP request: a call or a batch of calls.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use lotus_rpc_api::{CallStyle, RpcError, code};

use super::Endpoint;
use crate::{
    Caller,
    frame::{self, Frame, Id},
};

/// Answers a request. The HTTP method does not matter, as with Lotus; its body does.
pub(super) async fn answer(endpoint: &Endpoint, caller: &Caller, request: Request) -> Response {
    let answering = async {
        match read_body(endpoint, request.into_body()).await {
            Ok(body) => answer_body(endpoint, caller, &body).await,
            Err(error) => failed(None, error),
        }
    };
    let overdue = async {
        endpoint.stop.cancelled().await;
        tokio::time::sleep(endpoint.limits.shutdown_grace).await;
    };
    tokio::select! {
        response = answering => response,
        () = overdue => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn read_body(endpoint: &Endpoint, body: Body) -> Result<Vec<u8>, RpcError> {
    let limits = &endpoint.limits;
    let parse = |text: String| RpcError::with_code(code::PARSE, text);
    let bytes = tokio::time::timeout(limits.body_timeout, to_bytes(body, limits.body))
        .await
        .map_err(|_| parse("reading request: it takes too long".to_owned()))?
        .map_err(|e| {
            let mut cause: Option<&dyn std::error::Error> = Some(&e);
            while let Some(error) = cause {
                let text = error.to_string();
                if text.contains("length limit") {
                    return parse(format!(
                        "request bigger than maximum {} allowed",
                        limits.body
                    ));
                }
                cause = error.source();
            }
            parse(format!("reading request: {e}"))
        })?;
    let trimmed = bytes.trim_ascii();
    if frame::too_deep(trimmed, limits.depth) {
        return Err(parse_error());
    }
    Ok(trimmed.to_vec())
}

async fn answer_body(endpoint: &Endpoint, caller: &Caller, body: &[u8]) -> Response {
    match (body.first(), body.last()) {
        (None, _) => failed(None, invalid_request()),
        (Some(b'['), Some(b']')) => answer_batch(endpoint, caller, body).await,
        _ => match frame::first_value::<Frame>(body) {
            None => failed(None, parse_error()),
            Some(request) => {
                let (text, status) = answer_frame(endpoint, caller, request).await;
                text_response(status, text)
            }
        },
    }
}

async fn answer_batch(endpoint: &Endpoint, caller: &Caller, body: &[u8]) -> Response {
    let most = endpoint.limits.batch;
    let requests = match frame::batch(body, most) {
        None => return failed(None, parse_error()),
        Some(Err(count)) => return failed(None, batch_too_long(count, most)),
        Some(Ok(requests)) if requests.is_empty() => return failed(None, invalid_request()),
        Some(Ok(requests)) => requests,
    };
    let mut answers = Vec::with_capacity(requests.len());
    let mut room = endpoint.limits.batch_answers;
    for request in requests {
        let text = if room == 0 {
            frame::failure(
                Id::read(request.id.as_ref()).ok().flatten().as_ref(),
                batch_full(),
            )
        } else {
            answer_frame(endpoint, caller, request).await.0
        };
        room = room.saturating_sub(text.len());
        if !text.is_empty() {
            answers.push(text);
        }
    }
    if answers.is_empty() {
        return StatusCode::OK.into_response();
    }
    text_response(200, format!("[{}]", answers.join(",")))
}

/// The answer to one request and its status; no text when it needs none.
async fn answer_frame(endpoint: &Endpoint, caller: &Caller, request: Frame) -> (String, u16) {
    let id = match Id::read(request.id.as_ref()) {
        Ok(id) => id,
        Err(error) => {
            let status = frame::http_status(error.code());
            return (frame::failure(None, error), status);
        }
    };
    let method = request.method.unwrap_or_default();
    let params = request.params.as_ref();
    let outcome = endpoint
        .run(&method, params, &caller.allowed, CallStyle::RequestResponse)
        .await;
    match (id, outcome) {
        (None, Ok(_)) => (String::new(), 200),
        (None, Err(error)) => {
            tracing::debug!(method, %error, "a notification failed");
            (String::new(), 200)
        }
        (Some(id), Ok(outcome)) => (frame::success(&id, &outcome), 200),
        (Some(id), Err(error)) => {
            let status = frame::http_status(error.code());
            (frame::failure(Some(&id), error), status)
        }
    }
}

fn failed(id: Option<&Id>, error: RpcError) -> Response {
    let status = frame::http_status(error.code());
    text_response(status, frame::failure(id, error))
}

fn text_response(status: u16, text: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if text.is_empty() {
        return status.into_response();
    }
    // The type that Go's server guesses from the body; clients have seen no other.
    (
        status,
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        text,
    )
        .into_response()
}

pub(super) fn parse_error() -> RpcError {
    RpcError::with_code(code::PARSE, "Parse error")
}

pub(super) fn batch_too_long(count: usize, most: usize) -> RpcError {
    RpcError::with_code(
        code::INVALID_REQUEST,
        format_args!("batch of {count} requests is larger than the {most} allowed"),
    )
}

fn batch_full() -> RpcError {
    RpcError::new("the answers of this batch are too large together; ask in smaller batches")
}

fn invalid_request() -> RpcError {
    RpcError::with_code(code::INVALID_REQUEST, "Invalid request")
}
