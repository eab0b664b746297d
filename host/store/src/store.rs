//! Opening and closing a store.

use std::sync::Arc;
use std::thread::JoinHandle;

use k1s_object::InstanceId;

use crate::clock::Clock;
use crate::engine::{Engine, Finish, Write};
use crate::error::StoreError;
use crate::meta::{self, InstanceKey};
use crate::reader::Reader;
use crate::served::Servery;
use crate::writer::{Running, Writer};

/// How a store is opened.
pub struct OpenOptions {
    /// The id to have; a store that has another one is refused.
    pub instance_id: Option<InstanceId>,
    /// The id of a store that is new, unless one is asked for.
    pub new_instance_id: InstanceId,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// An open store: one writer, any number of readers.
#[derive(Debug)]
pub struct Store {
    reader: Reader,
    writer: Writer,
    thread: JoinHandle<()>,
    instance_id: InstanceId,
}

impl Store {
    /// Opens a store over an engine, making it if it is new.
    ///
    /// # Errors
    /// When the engine fails, the format is newer, or the instance id is another.
    pub fn open(engine: Arc<dyn Engine>, options: OpenOptions) -> Result<Self, StoreError> {
        let instance_id = identify(&*engine, &options)?;
        let (seed, _) = uuid::Uuid::new_v4().as_u64_pair();
        let Running {
            writer,
            thread,
            published,
        } = Writer::start(Arc::clone(&engine), options.clock, seed)?;
        Ok(Self {
            reader: Reader::new(engine, published),
            writer,
            thread,
            instance_id,
        })
    }

    /// A handle for reading.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// A handle for writing.
    #[must_use]
    pub fn writer(&self) -> &Writer {
        &self.writer
    }

    /// The identity of this store.
    #[must_use]
    pub fn instance_id(&self) -> &InstanceId {
        &self.instance_id
    }

    /// Makes objects of this store ready for readers.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn servery(&self) -> Result<Servery, StoreError> {
        let key = self.reader.instance_key()?.unwrap_or_else(InstanceKey::random);
        Ok(Servery::new(self.instance_id.clone(), key))
    }

    /// Closes the store: waits until the writer has done what it was given. Every other handle on the writer must be gone.
    ///
    /// # Errors
    /// When the writer's thread died.
    pub fn close(self) -> Result<(), StoreError> {
        drop(self.writer);
        self.thread.join().map_err(|_| StoreError::Closed)
    }
}

/// Reads what the store says of itself, and writes it into a new one.
fn identify(engine: &dyn Engine, options: &OpenOptions) -> Result<InstanceId, StoreError> {
    let (format, stored) = {
        let tables = engine.read()?;
        (meta::format(&*tables)?, meta::instance_id(&*tables)?)
    };
    if let Some(found) = format.filter(|found| *found > meta::FORMAT) {
        return Err(StoreError::NewerFormat {
            found,
            known: meta::FORMAT,
        });
    }
    match (stored, &options.instance_id) {
        (Some(stored), Some(asked)) if stored != *asked => Err(StoreError::OtherInstance {
            stored,
            asked: asked.clone(),
        }),
        (Some(stored), _) => Ok(stored),
        (None, asked) => {
            let id = asked.clone().unwrap_or_else(|| options.new_instance_id.clone());
            engine.write(&mut |tables: &mut dyn Write| {
                meta::set_format(tables)?;
                meta::set_instance_id(tables, &id)?;
                meta::set_instance_key(tables, &InstanceKey::random())?;
                Ok(Finish::Commit)
            })?;
            Ok(id)
        }
    }
}
