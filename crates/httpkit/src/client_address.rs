//! The client's address behind proxies.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::IpAddr,
    str::FromStr as _,
    sync::Arc,
};

use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use ipnet::IpNet;

use crate::headers::entries;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";

/// The proxies whose `X-Forwarded-*` headers are trusted. By default none is: a client could write
/// them itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    /// Parses addresses and networks (`10.0.0.0/8`), separated by commas. `None` if one is invalid.
    pub fn parse(list: &str) -> Option<Self> {
        list.split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                IpNet::from_str(entry)
                    .ok()
                    .or_else(|| Some(IpNet::from(entry.parse::<IpAddr>().ok()?)))
            })
            .collect::<Option<Vec<_>>>()
            .map(|networks| Self(networks.into()))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The peer of a request, if it is a trusted proxy.
    fn trusted_peer(&self, req: &HttpRequest) -> Option<IpAddr> {
        if self.0.is_empty() {
            return None;
        }
        peer(req).filter(|peer| self.trusts(*peer))
    }

    /// The client's address: the last one in `X-Forwarded-For` that isn't a trusted proxy. The
    /// client can't have forged that one. `None` without a connection.
    pub fn client_address(&self, req: &HttpRequest) -> Option<IpAddr> {
        let peer = peer(req)?;
        if self.0.is_empty() || !self.trusts(peer) {
            return Some(peer);
        }
        let mut client = peer;
        let forwarded: Vec<_> = entries(req.headers(), FORWARDED_FOR).collect();
        for entry in forwarded.iter().rev() {
            let Some(address) = address(entry) else {
                break; // whatever stands before something unreadable can't be believed
            };
            client = address;
            if !self.trusts(address) {
                break;
            }
        }
        Some(client)
    }

    /// Whether the client uses https, according to a trusted proxy.
    pub fn is_https(&self, req: &HttpRequest) -> bool {
        self.trusted_peer(req).is_some()
            && entries(req.headers(), FORWARDED_PROTO)
                .last()
                .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"))
    }

    /// The host that the client requested, with its port if it named one.
    pub fn host<'r>(&self, req: &'r HttpRequest) -> Option<&'r str> {
        let forwarded = self
            .trusted_peer(req)
            .and_then(|_| entries(req.headers(), FORWARDED_HOST).last());
        forwarded.or_else(|| {
            let header = req.headers().get(actix_web::http::header::HOST);
            header.and_then(|host| host.to_str().ok())
        })
    }
}

/// The client's address, as an argument of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub Option<IpAddr>);

impl FromRequest for ClientAddress {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let address = match req.app_data::<web::Data<TrustedProxies>>() {
            Some(proxies) => proxies.client_address(req),
            None => peer(req),
        };
        ready(Ok(Self(address)))
    }
}

fn peer(req: &HttpRequest) -> Option<IpAddr> {
    req.peer_addr().map(|peer| peer.ip().to_canonical())
}

/// An address, with or without a port.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>()
        .ok()
        .or_else(|| Some(entry.parse::<std::net::SocketAddr>().ok()?.ip()))
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn client(trusted: &str, peer: &str, forwarded: &str) -> String {
        let mut req = TestRequest::default().peer_addr(peer.parse().unwrap());
        if !forwarded.is_empty() {
            req = req.insert_header((FORWARDED_FOR, forwarded));
        }
        TrustedProxies::parse(trusted)
            .unwrap()
            .client_address(&req.to_http_request())
            .unwrap()
            .to_string()
    }

    #[test]
    fn no_proxy_is_trusted_by_default() {
        assert_eq!(client("", "192.0.2.1:5", "203.0.113.9"), "192.0.2.1");
        assert_eq!(
            client("10.0.0.0/8", "192.0.2.1:5", "203.0.113.9"),
            "192.0.2.1"
        );
    }

    #[test]
    fn headers_written_by_the_client_are_not_trusted() {
        assert_eq!(
            client("10.0.0.0/8", "10.0.0.1:5", "198.51.100.1, 203.0.113.9"),
            "203.0.113.9"
        );
        assert_eq!(
            client(
                "10.0.0.0/8",
                "10.0.0.1:5",
                "198.51.100.1, 203.0.113.9, 10.2.2.2"
            ),
            "203.0.113.9"
        );
        assert_eq!(
            client("10.0.0.0/8", "10.0.0.1:5", "198.51.100.1, nonsense"),
            "10.0.0.1"
        );
    }

    #[test]
    fn ports_and_addresses_of_both_kinds_are_read() {
        assert_eq!(
            client("10.0.0.1", "10.0.0.1:5", "203.0.113.9:4711"),
            "203.0.113.9"
        );
        assert_eq!(
            client("10.0.0.1", "[::ffff:10.0.0.1]:5", "[2001:db8::1]:80"),
            "2001:db8::1"
        );
        assert_eq!(client("::1", "[::1]:5", "2001:db8::1"), "2001:db8::1");
    }

    #[test]
    fn a_list_with_an_invalid_entry_is_refused() {
        assert!(TrustedProxies::parse("10.0.0.0/8, example.com").is_none());
        assert!(TrustedProxies::parse("10.0.0.0/33").is_none());
    }

    #[test]
    fn scheme_and_host_come_from_the_last_trusted_proxy() {
        let proxies = TrustedProxies::parse("10.0.0.0/8").unwrap();
        let asked = |peer: &str, headers: &[(&str, &str)]| {
            let mut req = TestRequest::default()
                .peer_addr(peer.parse().unwrap())
                .insert_header(("host", "inside:8080"));
            for header in headers {
                req = req.append_header(*header);
            }
            let req = req.to_http_request();
            (
                proxies.is_https(&req),
                proxies.host(&req).map(str::to_owned),
            )
        };
        let forwarded = [
            (FORWARDED_PROTO, "http, HTTPS"),
            (FORWARDED_HOST, "evil.example, tickets.example"),
        ];
        let (outside, inside) = ("tickets.example".to_owned(), "inside:8080".to_owned());
        assert_eq!(asked("10.0.0.1:5", &forwarded), (true, Some(outside)));
        assert_eq!(
            asked("192.0.2.1:5", &forwarded),
            (false, Some(inside.clone()))
        );
        assert_eq!(asked("10.0.0.1:5", &[]), (false, Some(inside.clone())));
        let back = [(FORWARDED_PROTO, "https, http"), (FORWARDED_HOST, ", ")];
        assert_eq!(asked("10.0.0.1:5", &back), (false, Some(inside)));
    }

    #[actix_web::test]
    async fn a_handler_gets_the_client_address_with_and_without_proxies() {
        let request = || {
            TestRequest::default()
                .peer_addr("10.0.0.1:5".parse().unwrap())
                .insert_header((FORWARDED_FOR, "203.0.113.9"))
        };
        let told = async |req: HttpRequest| ClientAddress::extract(&req).await.unwrap().0;
        let peer = "10.0.0.1".parse().ok();
        assert_eq!(told(request().to_http_request()).await, peer);
        let proxies = web::Data::new(TrustedProxies::parse("10.0.0.0/8").unwrap());
        let behind = request().app_data(proxies).to_http_request();
        assert_eq!(told(behind).await, "203.0.113.9".parse().ok());
        assert_eq!(told(TestRequest::default().to_http_request()).await, None);
    }
}
