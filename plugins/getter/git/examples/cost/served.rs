//! The repository that is measured, as servers have it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use k1s_getter_git::{Daemon, Dialled, Limits, Remote, SmartHttp};
use k1s_getter_net::{Peer, Reach, Url};

use crate::making::{Counter, Made, client, quiet};
use crate::web::Web;

/// How often it is tried whether a server is there, and how long is waited in between.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// `git daemon`, which stays, as servers do, and what goes to it and comes from it.
pub(crate) struct Served {
    child: Child,
    pub(crate) counter: Counter,
}

impl Served {
    pub(crate) async fn start(made: &Made) -> Self {
        // The program itself: `git daemon` would be another one, which stays when this one is ended.
        let programs = quiet("git", made.base()).arg("--exec-path").output().unwrap().stdout;
        let program = format!("{}/git-daemon", String::from_utf8(programs).unwrap().trim());
        let (child, address) = loop {
            if let Some(served) = serve(&program, made).await {
                break served;
            }
        };
        Self {
            child,
            counter: Counter::of(address).await,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.counter.address
    }

    pub(crate) fn remote(&self) -> Remote {
        let address = self.address();
        let peer = Peer::new(&address.ip().to_string(), address.port()).unwrap();
        let dial = Box::new(Dialled::new(client(Reach::trusted()), peer));
        let daemon = Daemon::new(dial, &address.to_string(), "/repository").unwrap();
        Remote::new(Box::new(daemon), Limits::default())
    }
}

/// Serves at a port that was free; `None` if somebody else had taken it meanwhile.
async fn serve(program: &str, made: &Made) -> Option<(Child, SocketAddr)> {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let mut child = quiet(program, made.base())
        .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
        .arg(format!("--port={}", address.port()))
        .arg(format!("--base-path={}", made.base().display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..TRIES {
        let is_there = TcpStream::connect(address).is_ok();
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if is_there {
            return Some((child, address));
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("git-daemon does not serve")
}

impl Drop for Served {
    fn drop(&mut self) {
        // It is gone, or goes.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `git http-backend` behind a server of HTTPS, and what goes to it and comes from it.
pub(crate) struct Secured {
    _web: Web,
    pub(crate) counter: Counter,
}

impl Secured {
    pub(crate) async fn start(made: &Made) -> Self {
        let web = Web::https(made, Box::new(|_| None)).await;
        Self {
            counter: Counter::of(web.address).await,
            _web: web,
        }
    }

    pub(crate) fn remote(&self) -> Remote {
        let url = Url::parse(&format!("https://{}/repository", self.counter.address)).unwrap();
        let http = SmartHttp::new(client(Reach::trusted()), url);
        Remote::new(Box::new(http), Limits::default())
    }
}
