//! Downloads into a file that is ours.

use std::io;

use http::{HeaderMap, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use crate::body::Body;
use crate::client::Client;
use crate::fault::{Fault, NetError};
use crate::limits::Limit;
use crate::request::{Parts, Request, Rest};
use crate::url::Url;
use crate::validators::Validators;

/// What became of a download.
#[derive(Debug)]
pub enum Download {
    /// It is as it was; the file is empty.
    Unchanged,
    /// The file holds all of it.
    Whole {
        /// How many bytes that is.
        bytes: u64,
        /// The headers of the answer, the first one where it was resumed.
        headers: HeaderMap,
        /// What tells later whether it changed.
        validators: Validators,
    },
}

/// How far a download is.
struct Progress<'a> {
    file: &'a mut File,
    held: u64,
    headers: HeaderMap,
    /// Who sent it; nobody yet at first.
    url: Option<Url>,
    resumes: u32,
}

impl Client {
    /// Downloads into a file, which is emptied first and is written from its start.
    ///
    /// What is cut goes on where it was cut if the same URL says with the same strong entity tag that it is the same still, and
    /// begins anew if another sends the rest, as behind redirects that are signed one by one; at most
    /// [`Limits::resumes`](crate::Limits::resumes) times in all, without a pause.
    ///
    /// # Errors
    ///
    /// As for [`Client::send`] and [`Body::chunk`]; the file then holds no more than a beginning.
    pub async fn download(&self, request: Request, file: &mut File) -> Result<Download, NetError> {
        let deadline = self.deadline();
        let mut progress = Progress {
            file,
            held: 0,
            headers: HeaderMap::new(),
            url: None,
            resumes: 0,
        };
        let mut asked = request.clone();
        loop {
            let failed = match self.walk(&asked, deadline).await {
                Ok(answer) if answer.is_unchanged() => {
                    let (at, emptied) = (answer.at(), progress.restart().await);
                    return emptied
                        .map(|()| Download::Unchanged)
                        .map_err(|fault| NetError { at, fault });
                }
                Ok(answer) => {
                    let is_rest = answer.status() == StatusCode::PARTIAL_CONTENT;
                    let (at, (url, headers, body)) = (answer.at(), answer.into_parts());
                    if !is_rest {
                        let restarted = progress.restart().await;
                        restarted.map_err(|fault| NetError { at, fault })?;
                        progress.headers = headers;
                        progress.url = Some(url);
                    }
                    let coming = body.length().map(|bytes| progress.held.saturating_add(bytes));
                    request.length.tell(coming);
                    match progress.take(body).await {
                        Ok(()) => return Ok(progress.whole()),
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            asked = progress.go_on(&request, failed, self.limits().resumes)?;
        }
    }
}

impl Progress<'_> {
    async fn restart(&mut self) -> Result<(), Fault> {
        self.held = 0;
        let emptied = async {
            self.file.set_len(0).await?;
            self.file.rewind().await
        };
        emptied.await.map(drop).map_err(Fault::File)
    }

    async fn take(&mut self, mut body: Body) -> Result<(), NetError> {
        while let Some(chunk) = body.chunk().await? {
            let written = self.file.write_all(&chunk).await;
            written.map_err(|error| body.fails(Fault::File(error)))?;
            self.held = self.held.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
        }
        let flushed: io::Result<()> = self.file.flush().await;
        flushed.map_err(|error| body.fails(Fault::File(error)))
    }

    /// Returns what to ask next after a failure, or that failure if nothing can be.
    fn go_on(&mut self, request: &Request, failed: NetError, most: u32) -> Result<Request, NetError> {
        let validators = Validators::of(&self.headers);
        let is_cut = matches!(
            failed.fault,
            Fault::Truncated | Fault::Connection(_) | Fault::Limit(Limit::Idle(_))
        );
        let may_ask = request.parts == Parts::Several && self.held > 0 && self.resumes < most;
        if may_ask && matches!(failed.fault, Fault::Part) {
            self.resumes += 1;
            return Ok(request.clone());
        }
        match (validators.strong(), &self.url) {
            (Some(etag), Some(url)) if may_ask && is_cut => {
                self.resumes += 1;
                Ok(request.clone().missing(Rest {
                    offset: self.held,
                    unchanged: etag.clone(),
                    url: url.clone(),
                }))
            }
            (Some(_) | None, _) => Err(failed),
        }
    }

    fn whole(self) -> Download {
        Download::Whole {
            bytes: self.held,
            validators: Validators::of(&self.headers),
            headers: self.headers,
        }
    }
}
