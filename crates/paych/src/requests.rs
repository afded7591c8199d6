//! Many requests for FIL in a channel, one message.
//!
//! While a message that pays into a channel is under way, requests queue up. Then what lies free in the
//! channel goes to those that ask for reserved FIL, smallest first, and one message pays for the rest.
//!
//! # Invariants
//! - Nothing is lost: what all asked for is what was filled, what was refused and what the message pays.
//! - No more is filled than lies free.
//!
//! # Lotus parity
//! `paychmgr/simple.go`, `mergedFundsReq`.

use lotus_types::TokenAmount;

/// What is asked for. In the order in which requests are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Reserved, from what lies free in the channel only.
    OffChain,
    /// Reserved, paid in where needed.
    Reserve,
    /// Paid in, to lie free.
    Fund,
}

/// A request, and whom to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<T> {
    /// How much.
    pub amount: TokenAmount,
    /// For what.
    pub kind: Kind,
    /// Whom to answer.
    pub ticket: T,
}

/// A message that pays for many requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged<T> {
    /// What it pays in.
    pub amount: TokenAmount,
    /// How much of that will lie free.
    pub available: TokenAmount,
    /// Who waits for it.
    pub tickets: Vec<T>,
}

/// What becomes of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<T> {
    /// Served with what lies free.
    pub filled: Vec<T>,
    /// What they take of it.
    pub used: TokenAmount,
    /// Those that were to send nothing, and how much they wanted.
    pub refused: Vec<(T, TokenAmount)>,
    /// The rest; `None` when there is none.
    pub payment: Option<Merged<T>>,
}

/// Plans for a queue. `available` is what lies free in the channel; `None` when there is no channel.
pub fn plan<T>(mut queue: Vec<Request<T>>, available: Option<&TokenAmount>) -> Plan<T> {
    queue.sort_by(|a, b| (a.kind, &a.amount).cmp(&(b.kind, &b.amount)));
    let mut plan = Plan {
        filled: Vec::new(),
        used: TokenAmount::zero(),
        refused: Vec::new(),
        payment: None,
    };
    for request in queue {
        let fits = available.is_some_and(|free| {
            // Paying in nothing needs no message either.
            (request.kind != Kind::Fund || request.amount.is_zero())
                && &plan.used + &request.amount <= *free
        });
        if fits {
            plan.used = &plan.used + &request.amount;
            plan.filled.push(request.ticket);
        } else if request.kind == Kind::OffChain {
            plan.refused.push((request.ticket, request.amount));
        } else {
            let payment = plan.payment.get_or_insert_with(|| Merged {
                amount: TokenAmount::zero(),
                available: TokenAmount::zero(),
                tickets: Vec::new(),
            });
            payment.amount = &payment.amount + &request.amount;
            if request.kind == Kind::Fund {
                payment.available = &payment.available + &request.amount;
            }
            payment.tickets.push(request.ticket);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn atto(n: i64) -> TokenAmount {
        TokenAmount::from_atto(n)
    }

    fn queue(requests: &[(Kind, i64)]) -> Vec<Request<usize>> {
        let requests = requests.iter().enumerate();
        requests
            .map(|(ticket, (kind, amount))| Request {
                amount: atto(*amount),
                kind: *kind,
                ticket,
            })
            .collect()
    }

    #[test]
    fn requests_that_wait_are_paid_by_one_message() {
        let requests = [(Kind::Reserve, 3), (Kind::Fund, 2), (Kind::Reserve, 4)];
        let plan = plan(queue(&requests), Some(&atto(0)));
        let payment = plan.payment.expect("all of them");
        assert_eq!((payment.amount, payment.available), (atto(9), atto(2)));
        assert_eq!(payment.tickets, [0, 2, 1]);
        assert!(plan.filled.is_empty());
    }

    #[test]
    fn the_smallest_are_served_with_what_lies_free() {
        let requests = [(Kind::Reserve, 5), (Kind::Reserve, 2), (Kind::OffChain, 1)];
        let plan = plan(queue(&requests), Some(&atto(4)));
        assert_eq!((plan.filled, plan.used), (vec![2, 1], atto(3)));
        assert_eq!(plan.payment.expect("the largest").amount, atto(5));
    }

    #[test]
    fn requests_that_send_nothing_are_refused_where_there_is_too_little() {
        let requests = [(Kind::OffChain, 5), (Kind::Fund, 1)];
        let none = plan(queue(&requests), None);
        assert_eq!(none.refused, [(0, atto(5))]);
        let little = plan(queue(&requests), Some(&atto(4)));
        assert_eq!(little, none);
    }

    #[test]
    fn a_request_for_nothing_makes_a_channel_but_pays_into_none() {
        let nothing = [(Kind::Fund, 0)];
        assert_eq!(plan(queue(&nothing), Some(&atto(0))).filled, [0]);
        assert!(plan(queue(&nothing), None).payment.is_some());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_spent_twice(
            requests in prop::collection::vec((0_u8..3, 0_i64..50), 0..12),
            available in prop::option::of(0_i64..100),
        ) {
            let kinds = [Kind::OffChain, Kind::Reserve, Kind::Fund];
            let requests: Vec<_> = requests
                .into_iter()
                .map(|(kind, amount)| (kinds[usize::from(kind)], amount))
                .collect();
            let free = available.map(atto);
            let plan = plan(queue(&requests), free.as_ref());
            let asked: i64 = requests.iter().map(|(_, amount)| amount).sum();
            let refused = plan.refused.iter().fold(atto(0), |sum, (_, n)| &sum + n);
            let paid = plan.payment.as_ref().map_or(atto(0), |p| p.amount.clone());
            prop_assert_eq!(&(&plan.used + &refused) + &paid, atto(asked));
            prop_assert!(plan.used <= free.unwrap_or_default());
            let funded: i64 = requests
                .iter()
                .filter_map(|(kind, amount)| (*kind == Kind::Fund).then_some(amount))
                .sum();
            let available = plan.payment.as_ref().map_or(atto(0), |p| p.available.clone());
            prop_assert_eq!(available, atto(funded));
            let mut answered: Vec<usize> = plan.filled;
            answered.extend(plan.refused.iter().map(|(ticket, _)| *ticket));
            answered.extend(plan.payment.into_iter().flat_map(|p| p.tickets));
            answered.sort_unstable();
            prop_assert_eq!(answered, (0..requests.len()).collect::<Vec<_>>());
        }
    }
}
