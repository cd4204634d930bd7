//! Requests in, replies out.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use hardline_core::visible::is_hidden;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame as BodyFrame, Incoming};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName,
    HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode, Uri};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Dashboard;
use super::access::{Access, Person, Refused};
use super::address::{Address, Filter};
use super::assets::Asset;
use super::pages;
use super::parts::{Frame, Page, document};
use super::sight::View;
use crate::clock;
use crate::snapshot::Snapshot;

/// What a page may do: load what is beside it, send forms to where it is from, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// The cookie that holds a token.
const TOKEN: &str = "hardline-token";
/// Seconds for which a browser keeps a token; most end sooner by themselves.
const KEPT: u32 = 8 * 3600;
/// The longest form, in bytes.
const FORM: usize = 16 << 10;
/// How often a browser that waits for changes hears that there are none.
const QUIET: Duration = Duration::from_secs(20);

pub(crate) type Reply = Response<UnsyncBoxBody<Bytes, Infallible>>;

impl Dashboard {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request<Incoming>, is_secure: bool) -> Reply {
        let mut reply = self.reply(request, is_secure).await;
        let headers = reply.headers_mut();
        for (name, value) in [
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (X_FRAME_OPTIONS, "DENY"),
            // Without any, browsers hide from the page for tokens that its form was sent from it.
            (REFERRER_POLICY, "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // What somebody may see is nothing for caches.
        headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        reply
    }

    async fn reply(&self, request: Request<Incoming>, is_secure: bool) -> Reply {
        let headers = request.headers();
        // A name of somebody else's that leads here would let their pages read these.
        if matches!(self.access, Access::Open) && !host(headers).is_some_and(is_this_machine) {
            return text(StatusCode::MISDIRECTED_REQUEST, "this dashboard is reached as localhost only");
        }
        let (method, path) = (request.method(), request.uri().path());
        match (method, path, &self.access) {
            (&Method::POST, "/login", Access::Tokens(_)) => return self.login(request, is_secure).await,
            (&Method::POST, "/logout", Access::Tokens(_)) if is_same_origin(headers) => {
                let mut reply = to(&Address::Login);
                set_token(&mut reply, "", 0, is_secure);
                return reply;
            }
            (&Method::GET | &Method::HEAD, ..) => {}
            _ => return text(StatusCode::METHOD_NOT_ALLOWED, "pages are only read"),
        }
        if let Some(asset) = Asset::at(path) {
            let mut reply = Response::new(Full::from(asset.bytes()).boxed_unsync());
            reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(asset.media));
            let kept = HeaderValue::from_static("public, max-age=31536000, immutable");
            reply.headers_mut().insert(CACHE_CONTROL, kept);
            return reply;
        }
        if path == "/login" && matches!(self.access, Access::Tokens(_)) {
            return page(StatusCode::OK, &pages::login::page(None, &wanted(request.uri())));
        }
        let snapshot = self.snapshots.borrow().clone();
        let person = match self.person(headers, snapshot.as_deref()).await {
            Ok(person) => person,
            Err(refused) => return refuse(refused, headers, request.uri()),
        };
        if path == "/events" {
            return self.events();
        }
        let Some(snapshot) = snapshot else { return page(StatusCode::OK, &unread()) };
        draw(self, &snapshot, &person, request.uri())
    }

    /// Who asks.
    async fn person(&self, headers: &HeaderMap, snapshot: Option<&Snapshot>) -> Result<Arc<Person>, Refused> {
        match &self.access {
            Access::Open => Ok(Arc::new(Person::anybody())),
            Access::Tokens(tokens) => {
                let token = token(headers).ok_or(Refused::NoToken)?;
                tokens.person(token, snapshot.map_or(&[], Snapshot::areas)).await
            }
        }
    }

    /// Says how much has changed so far, and again whenever that grows, as server-sent events.
    ///
    /// <https://html.spec.whatwg.org/multipage/server-sent-events.html>
    fn events(&self) -> Reply {
        let (mut snapshots, ledger) = (self.snapshots.clone(), self.ledger.as_ref().map(|ledger| ledger.count()));
        snapshots.mark_changed();
        let events = stream::unfold((snapshots, ledger), |(mut snapshots, mut ledger)| async move {
            let recorded = async {
                match &mut ledger {
                    Some(ledger) => ledger.changed().await,
                    None => std::future::pending().await,
                }
            };
            let changed = async {
                tokio::select! { it = snapshots.changed() => it, it = recorded => it }
            };
            let event = match tokio::time::timeout(QUIET, changed).await {
                Err(_) => ": nothing new\n\n".to_owned(),
                Ok(Err(_)) => return None,
                Ok(Ok(())) => {
                    let generation = snapshots.borrow_and_update().as_ref().map_or(0, |snapshot| snapshot.generation);
                    let entries = ledger.as_mut().map_or(0, |ledger| *ledger.borrow_and_update());
                    format!("event: change\ndata: {}\n\n", generation + entries)
                }
            };
            Some((Ok::<_, Infallible>(BodyFrame::data(Bytes::from(event))), (snapshots, ledger)))
        });
        let mut reply = Response::new(StreamBody::new(events).boxed_unsync());
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        reply
    }

    /// Takes a token, if the cluster does.
    async fn login(&self, request: Request<Incoming>, is_secure: bool) -> Reply {
        let Access::Tokens(tokens) = &self.access else { return to(&Address::Overview) };
        // Or somebody else's page logs people in as whom it likes.
        if !is_same_origin(request.headers()) {
            return text(StatusCode::FORBIDDEN, "a token is given on the page for it only");
        }
        let form =
            tokio::time::timeout(Duration::from_secs(10), Limited::new(request.into_body(), FORM).collect()).await;
        let Ok(Ok(form)) = form else { return text(StatusCode::BAD_REQUEST, "the form is too long or cut off") };
        let form = form.to_bytes();
        let field = |name: &str| {
            let mut fields = form_urlencoded::parse(&form);
            fields.find_map(|(key, value)| (key == name).then(|| value.trim().to_owned())).unwrap_or_default()
        };
        let (token, wanted) = (field("token"), field("to"));
        let again = |status, problem: &str| page(status, &pages::login::page(Some(problem), &wanted));
        if token.is_empty() || !token.bytes().all(is_of_token) {
            return again(StatusCode::BAD_REQUEST, "That is no token.");
        }
        if token.len() > 3800 {
            return again(StatusCode::BAD_REQUEST, "The token is too long for a browser to keep.");
        }
        let snapshot = self.snapshots.borrow().clone();
        match tokens.person(&token, snapshot.as_deref().map_or(&[], Snapshot::areas)).await {
            Ok(_) => {
                let mut reply = to(&wanted_page(&wanted));
                set_token(&mut reply, &token, KEPT, is_secure);
                reply
            }
            Err(Refused::Unknown | Refused::NoToken) => {
                again(StatusCode::UNAUTHORIZED, "The cluster does not take this token: it is wrong or has expired.")
            }
            Err(Refused::Unanswered) => again(StatusCode::BAD_GATEWAY, "The cluster does not answer. Try again."),
        }
    }
}

/// The page that was asked for.
fn draw(dashboard: &Dashboard, snapshot: &Snapshot, person: &Person, uri: &Uri) -> Reply {
    let view = View::new(snapshot, &person.sight);
    let frame = Frame { dashboard, view: &view, name: person.name.as_deref(), now: clock::now() };
    let filter = Filter::read(uri.query().unwrap_or_default());
    let found = Address::read(uri.path()).and_then(|address| {
        let tab = pages::TABS.iter().find(|tab| tab.address == address);
        let page = match (&address, tab) {
            (_, Some(tab)) => (tab.page)(&frame, &filter),
            (Address::Namespace(namespace), _) => pages::namespace::page(&frame, namespace.as_deref(), &filter)?,
            (Address::Subject { namespace, group, kind, name }, _) => {
                pages::subject::page(&frame, namespace.as_deref(), group, kind, name)?
            }
            (Address::Rule(id), _) => pages::rules::one(&frame, id)?,
            _ => return None,
        };
        Some((address, page))
    });
    match found {
        Some((address, body)) => page(StatusCode::OK, &frame.around(&address, &body)),
        // The same whether it is not there or may not be seen.
        None => page(StatusCode::NOT_FOUND, &frame.around(&Address::Login, &nothing())),
    }
}

fn nothing() -> Page {
    let body = html! {
        h1 { "Nothing here" }
        p.in {
            "It is not there any more, has no findings any more, or you may not see it. "
            a href=(Address::Overview) { "Back to the overview" }
        }
    };
    Page { title: "Nothing here".to_owned(), body }
}

/// What is shown before a cluster is read.
fn unread() -> Markup {
    document(
        "Reading",
        Some(0),
        &html! {
            main.login #main {
                p.brand { "hardline" }
                h1 { "Reading the cluster" }
                p.in #said role="status" { "The page shows it as soon as it is judged." }
                span #beat .beat {}
            }
            footer { p {} }
        },
    )
}

/// What somebody gets who is not known, or whom nobody could be asked about.
fn refuse(refused: Refused, headers: &HeaderMap, uri: &Uri) -> Reply {
    let wants_page = !headers.contains_key(AUTHORIZATION) && uri.path() != "/events";
    match refused {
        Refused::Unanswered => text(StatusCode::BAD_GATEWAY, "the cluster does not say who this is: try again"),
        // The first request that follows a link from elsewhere has no cookie; one from here does.
        Refused::NoToken if wants_page && is_from_elsewhere(headers) => {
            let here = wanted_page(uri.path_and_query().map_or("/", |it| it.as_str()));
            let mut reply = page(
                StatusCode::OK,
                &document(
                    "Opening",
                    None,
                    &html! {
                        main.login #main { p { a href=(here) { "Open the dashboard" } } }
                    },
                ),
            );
            if let Ok(refresh) = HeaderValue::from_str(&format!("0; url={here}")) {
                reply.headers_mut().insert("refresh", refresh);
            }
            reply
        }
        Refused::NoToken | Refused::Unknown if wants_page => {
            let here = uri.path_and_query().map_or("/", |it| it.as_str());
            redirect(&format!("{}?to={}", Address::Login, utf8_percent_encode(here, NON_ALPHANUMERIC)))
        }
        Refused::NoToken | Refused::Unknown => {
            text(StatusCode::UNAUTHORIZED, "a token that the cluster takes is needed")
        }
    }
}

/// The token of a request: that of its header, else that of its cookie.
fn token(headers: &HeaderMap) -> Option<&str> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        return value.to_str().ok()?.strip_prefix("Bearer ").map(str::trim);
    }
    let cookies = headers.get_all(COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == TOKEN && !value.is_empty()).map(|(_, value)| value)
}

/// Lets the browser keep a token, out of reach of scripts and of other sites.
fn set_token(reply: &mut Reply, token: &str, seconds: u32, is_secure: bool) {
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie = format!("{TOKEN}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        reply.headers_mut().insert(SET_COOKIE, cookie);
    }
}

/// Whether a byte may be in a token, which is one of those that may be in a cookie.
///
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
fn is_of_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// The page that somebody wanted before logging in, if it is one.
fn wanted(uri: &Uri) -> String {
    let mut pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.find_map(|(name, value)| (name == "to").then(|| value.into_owned())).unwrap_or_default()
}

/// The same, as a place to go to: a page of this dashboard and no other.
fn wanted_page(wanted: &str) -> String {
    let (path, query) = wanted.split_once('?').unwrap_or((wanted, ""));
    match Address::read(path) {
        Some(address) => format!("{address}{}", Filter::read(query)),
        None => Address::Overview.to_string(),
    }
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(HOST)?.to_str().ok()
}

/// Whether a host, with or without a port, is this machine by a name that nobody else can have.
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<hyper::http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a form was sent by a page of this dashboard.
fn is_same_origin(headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let authority = origin.and_then(|origin| origin.split_once("://")).map(|(_, authority)| authority);
    authority.is_some() && authority == host(headers)
}

/// Whether a browser followed a link of another site.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site" || site == "same-site")
}

fn to(address: &impl ToString) -> Reply {
    redirect(&address.to_string())
}

fn redirect(to: &str) -> Reply {
    let mut reply = text(StatusCode::SEE_OTHER, "");
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    reply.headers_mut().insert(LOCATION, to);
    reply
}

fn page(status: StatusCode, page: &Markup) -> Reply {
    let mut reply = text(status, sealed(&page.0));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    reply
}

/// A page with what browsers act on instead of showing it made visible: no name can turn what follows
/// around.
fn sealed(page: &str) -> String {
    let mut sealed = String::with_capacity(page.len());
    for character in page.chars() {
        match character {
            '\n' | '\t' => sealed.push(character),
            it if is_hidden(it) => sealed.extend(it.escape_default()),
            it => sealed.push(it),
        }
    }
    sealed
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::from(text.into()).boxed_unsync());
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}
