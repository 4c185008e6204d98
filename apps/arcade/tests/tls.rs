//! The Rust client over TLS: the real binary behind a terminator, as it stands behind a proxy in production.

mod support;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dormouse_client::{Client, ClientOptions, Status, SubscribeOptions, Update};
use futures_util::StreamExt;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::json;
use support::{Host, PATIENCE};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

/// Who signs certificates.
struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self(Issuer::new(params, key), pem)
    }

    fn pem(&self) -> &str {
        &self.1
    }

    /// A server that shows a certificate for `name`.
    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("they fit");
        Arc::new(config).into()
    }
}

/// Ends TLS and passes on what is inside.
struct Terminator {
    port: u16,
    shows: Arc<Mutex<TlsAcceptor>>,
    /// Connections that came, and of these the ones that were trusted.
    came: Arc<AtomicUsize>,
    trusted: Arc<AtomicUsize>,
    /// Changes to cut every connection.
    cut: watch::Sender<()>,
}

impl Terminator {
    async fn before(host: &Host, acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shows = Arc::new(Mutex::new(acceptor));
        let (came, trusted, cut) = (Arc::default(), Arc::default(), watch::Sender::new(()));
        let it = Self { port, shows, came, trusted, cut };
        let (shows, came, trusted) = (it.shows.clone(), it.came.clone(), it.trusted.clone());
        let (until, inside) = (it.cut.subscribe(), host.address.clone());
        tokio::spawn(async move {
            while let Ok((outer, _)) = listener.accept().await {
                came.fetch_add(1, Ordering::Relaxed);
                let acceptor = shows.lock().expect("nobody panics").clone();
                let (trusted, inside, mut until) = (trusted.clone(), inside.clone(), until.clone());
                until.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut outer) = acceptor.accept(outer).await else { return };
                    trusted.fetch_add(1, Ordering::Relaxed);
                    let mut inner = TcpStream::connect(inside).await.expect("the host listens");
                    tokio::select! {
                        _ = copy_bidirectional(&mut outer, &mut inner) => {}
                        _ = until.changed() => {}
                    }
                });
            }
        });
        it
    }

    fn show(&self, acceptor: TlsAcceptor) {
        *self.shows.lock().expect("nobody panics") = acceptor;
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::Relaxed)
    }

    fn trusted(&self) -> usize {
        self.trusted.load(Ordering::Relaxed)
    }
}

fn options(url: &str) -> ClientOptions {
    ClientOptions::new(url).max_delay(Duration::from_millis(500))
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it does not come")
}

async fn until(client: &Client, wanted: Status) {
    let mut status = client.status();
    soon(status.wait_for(|status| *status == wanted)).await.expect("it lives");
}

/// A guest makes a list, follows it, and adds a thing to it.
async fn use_it(client: &Client) {
    let list = soon(client.actor("todo").create(&json!({ "title": "Behind a proxy" }), None)).await.expect("a list");
    let mut views = list.subscribe(SubscribeOptions::view());
    let accepted = soon(list.send(&json!({ "type": "add_todo", "title": "milk" }))).await.expect("accepted");
    while !views.shows(&accepted) {
        let Some(Ok(Update::View(_))) = soon(views.next()).await else { panic!("a view") };
    }
    assert!(views.view().expect("a view").to_string().contains("milk"));
    let events = soon(list.events(0, None)).await.expect("events").events;
    assert!(events.iter().any(|event| event.event["type"] == "todo_added"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_all_is_as_it_is_without_and_a_line_that_was_cut_comes_back() {
    let (folder, authority) = (tempfile::tempdir().expect("a folder"), Authority::new("Ours"));
    let host = Host::start(&folder.path().join("data"), 0);
    let proxy = Terminator::before(&host, authority.acceptor("localhost")).await;
    let client = Client::new(options(&proxy.url()).root_certificate(authority.pem())).expect("a client");
    use_it(&client).await;
    assert_eq!(proxy.trusted(), proxy.came(), "every handshake ended well");
    assert!(proxy.came() >= 2, "both a request and the socket");

    until(&client, Status::Live).await;
    proxy.cut.send_replace(());
    until(&client, Status::Offline).await;
    use_it(&client).await;
    assert_eq!(proxy.trusted(), proxy.came());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_named_and_tried_again_at_leisure() {
    let (folder, ours, theirs) =
        (tempfile::tempdir().expect("a folder"), Authority::new("Ours"), Authority::new("Theirs"));
    let host = Host::start(&folder.path().join("data"), 0);
    for (wrong, reason) in [
        (theirs.acceptor("localhost"), "UnknownIssuer"),
        (ours.acceptor("elsewhere.example"), "not valid for name \"localhost\""),
    ] {
        let proxy = Terminator::before(&host, wrong).await;
        // With a token of its own it goes to the socket at once; as a guest, to the API.
        let token = options(&proxy.url()).root_certificate(ours.pem()).token(|| async { Ok("token".into()) });
        let guest = Client::new(options(&proxy.url()).root_certificate(ours.pem())).expect("a client");
        for client in [Client::new(token).expect("a client"), guest.clone()] {
            until(&client, Status::Offline).await;
            let fault = client.error().expect("a reason");
            assert_eq!(fault.name, "untrusted", "{fault}");
            assert!(fault.message.contains("The host's certificate is not trusted"), "{fault}");
            assert!(fault.message.contains(reason), "{fault}");
            client.unplug();
        }
        let asked = soon(guest.actor("todo").create(&json!({}), None)).await.err().expect("no list");
        assert_eq!(asked.name, "untrusted", "{asked}");
        assert_eq!(proxy.trusted(), 0, "nothing was said to that host");

        let before = proxy.came();
        guest.plug();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let tries = proxy.came() - before;
        assert!((2..=10).contains(&tries), "{tries} tries in two seconds, with waits up to half of one");
        proxy.show(ours.acceptor("localhost"));
        use_it(&guest).await;
    }
}

/// Connects with the roots that [`the_platforms_certificates_are_trusted`] put into its environment.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the test below"]
async fn child() {
    let Ok(proxy) = std::env::var("TLS_TEST_PROXY") else { return };
    let client = Client::new(options(&proxy)).expect("a client");
    use_it(&client).await;
}

/// Where OpenSSL's variable names them.
#[cfg(all(unix, not(target_vendor = "apple")))]
#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_certificates_are_trusted() {
    let (folder, authority) = (tempfile::tempdir().expect("a folder"), Authority::new("Ours"));
    let host = Host::start(&folder.path().join("data"), 0);
    let proxy = Terminator::before(&host, authority.acceptor("localhost")).await;
    let file = folder.path().join("roots.pem");
    std::fs::write(&file, authority.pem()).expect("written");
    let run = |roots| {
        let mut command = std::process::Command::new(std::env::current_exe().expect("a path"));
        command
            .args(["--ignored", "--exact", "child"])
            .env("TLS_TEST_PROXY", proxy.url())
            .env("SSL_CERT_FILE", roots)
            .env_remove("SSL_CERT_DIR");
        tokio::task::spawn_blocking(move || command.output().expect("it runs"))
    };
    let output = soon(run(file)).await.expect("no panic");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "it did run");
    let none = soon(run(folder.path().join("none.pem"))).await.expect("no panic");
    assert!(String::from_utf8_lossy(&none.stdout).contains("no_tls"), "no certificates at all are an error at once");
}
