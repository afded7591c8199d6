//! The last look at an address before it is dialed: names have become addresses by then.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, Transport,
    core::transport::{DialOpts, ListenerId, TransportError, TransportEvent},
};

use super::ip::IpGate;

/// A transport that does not dial blocked addresses.
#[derive(Debug)]
pub(crate) struct Guarded<T> {
    inner: T,
    gate: IpGate,
}

impl<T> Guarded<T> {
    pub(crate) const fn new(inner: T, gate: IpGate) -> Self {
        Self { inner, gate }
    }
}

impl<T> Transport for Guarded<T>
where
    T: Transport<Error = io::Error> + Unpin,
{
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(
        &mut self,
        id: ListenerId,
        address: Multiaddr,
    ) -> Result<(), TransportError<Self::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        options: DialOpts,
    ) -> Result<Self::Dial, TransportError<Self::Error>> {
        if let Err(blocked) = self.gate.check(&address) {
            return Err(TransportError::Other(io::Error::other(blocked)));
        }
        self.inner.dial(address, options)
    }

    fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        Pin::new(&mut self.get_mut().inner).poll(cx)
    }
}
