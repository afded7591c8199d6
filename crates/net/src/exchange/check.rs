//! Checking what a peer sent, before anyone uses it.

use lotus_ports::network::{BlockMessages, FetchedTipset};
use lotus_types::{Tipset, TipsetError, TipsetKey};

use super::{CompactedMessages, Includes, Response, Status, WireTipset};

/// Why an answer is not one to the question. The peer is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CheckError {
    /// The peer refuses.
    #[error("the peer refused with status {status}: {message}")]
    Refused {
        /// Its code.
        status: u64,
        /// Its words, shortened.
        message: String,
    },
    /// It says that it answers, but sends nothing.
    #[error("the peer answered with no tipset")]
    Empty,
    /// More than was asked for, or less without saying so.
    #[error("{got} tipsets for a request of {asked}")]
    WrongCount {
        /// Asked for.
        asked: u64,
        /// Received.
        got: u64,
    },
    /// Headers that make no tipset.
    #[error("tipset {at} of the answer: {error}")]
    BadTipset {
        /// Position in the answer.
        at: usize,
        /// What is wrong.
        error: TipsetError,
    },
    /// Another tipset than the one that belongs there.
    #[error("tipset {at} of the answer is {got}, expected {expected}")]
    Unlinked {
        /// Position in the answer.
        at: usize,
        /// The tipset asked for, or the parents of the one before.
        expected: TipsetKey,
        /// What came.
        got: TipsetKey,
    },
    /// A tipset not below its child.
    #[error("tipset {at} of the answer has height {height}, not below its child's")]
    WrongHeight {
        /// Position in the answer.
        at: usize,
        /// Its height.
        height: i64,
    },
    /// Messages were asked for and are missing.
    #[error("tipset {at} of the answer comes without messages")]
    NoMessages {
        /// Position in the answer.
        at: usize,
    },
    /// Lists of positions for another number of blocks.
    #[error("tipset {at} of the answer lists messages of {got} blocks, it has {blocks}")]
    WrongIncludes {
        /// Position in the answer.
        at: usize,
        /// Lists received.
        got: usize,
        /// Blocks in the tipset.
        blocks: usize,
    },
    /// A position outside the list of messages.
    #[error("tipset {at} of the answer: message index {index} is out of range, there are {count}")]
    BadIndex {
        /// Position in the answer.
        at: usize,
        /// The index.
        index: u64,
        /// Messages in the list.
        count: usize,
    },
}

/// Checks status and number of tipsets.
fn count(response: &Response, asked: u64) -> Result<(), CheckError> {
    let status = Status::of(response.status);
    if !matches!(status, Status::Ok | Status::Partial) {
        let message = response.message.chars().take(300).collect();
        return Err(CheckError::Refused {
            status: response.status,
            message,
        });
    }
    let got = response.chain.len() as u64;
    if got == 0 {
        return Err(CheckError::Empty);
    }
    if got > asked || (got < asked && status != Status::Partial) {
        return Err(CheckError::WrongCount { asked, got });
    }
    Ok(())
}

/// Checks an answer to a request for the headers (and messages) of `asked` tipsets from `head` down.
pub(crate) fn segment(
    response: Response,
    head: &TipsetKey,
    asked: u64,
    with_messages: bool,
) -> Result<Vec<FetchedTipset>, CheckError> {
    count(&response, asked)?;
    let mut expected = head.clone();
    let mut below = i64::MAX;
    let mut fetched = Vec::with_capacity(response.chain.len());
    for (at, WireTipset { blocks, messages }) in response.chain.into_inner().into_iter().enumerate()
    {
        let sent: TipsetKey = blocks.iter().map(lotus_types::BlockHeader::cid).collect();
        let tipset = Tipset::new(blocks.into_inner())
            .map_err(|error| CheckError::BadTipset { at, error })?;
        // The order matters too: messages are listed by the block's place.
        if sent != expected || tipset.key() != &expected {
            return Err(CheckError::Unlinked {
                at,
                expected,
                got: sent,
            });
        }
        if tipset.height() >= below || tipset.height() < 0 {
            return Err(CheckError::WrongHeight {
                at,
                height: tipset.height(),
            });
        }
        below = tipset.height();
        expected = tipset.parents().clone();
        let messages = match messages {
            Some(compacted) if with_messages => Some(expand(compacted, at, tipset.blocks().len())?),
            None if with_messages => return Err(CheckError::NoMessages { at }),
            _ => None,
        };
        fetched.push(FetchedTipset { tipset, messages });
    }
    Ok(fetched)
}

/// Checks an answer to a request for the messages of known tipsets.
pub(crate) fn messages(
    response: Response,
    tipsets: &[Tipset],
) -> Result<Vec<Vec<BlockMessages>>, CheckError> {
    count(&response, tipsets.len() as u64)?;
    let answers = response
        .chain
        .into_inner()
        .into_iter()
        .zip(tipsets)
        .enumerate();
    answers
        .map(|(at, (answer, tipset))| {
            let compacted = answer.messages.ok_or(CheckError::NoMessages { at })?;
            expand(compacted, at, tipset.blocks().len())
        })
        .collect()
}

/// Gives each of `blocks` blocks its messages.
fn expand(
    compacted: CompactedMessages,
    at: usize,
    blocks: usize,
) -> Result<Vec<BlockMessages>, CheckError> {
    let CompactedMessages {
        bls,
        bls_includes,
        secpk,
        secpk_includes,
    } = compacted;
    for includes in [&bls_includes, &secpk_includes] {
        if includes.len() != blocks {
            return Err(CheckError::WrongIncludes {
                at,
                got: includes.len(),
                blocks,
            });
        }
    }
    let bls = pick(&bls, bls_includes, at)?;
    let secpk = pick(&secpk, secpk_includes, at)?;
    Ok(bls
        .into_iter()
        .zip(secpk)
        .map(|(bls, secpk)| BlockMessages { bls, secpk })
        .collect())
}

fn pick<T: Clone>(items: &[T], includes: Includes, at: usize) -> Result<Vec<Vec<T>>, CheckError> {
    let item = |index: u64| {
        let place = usize::try_from(index).ok();
        let found = place.and_then(|p| items.get(p)).cloned();
        found.ok_or(CheckError::BadIndex {
            at,
            index,
            count: items.len(),
        })
    };
    let lists = includes.into_inner().into_iter();
    lists
        .map(|list| list.into_inner().into_iter().map(item).collect())
        .collect()
}
