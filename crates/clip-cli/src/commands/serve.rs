//! `clip-cli serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::Args;
use clip_search::{absolute, registry};
use clip_server::{
    Access, ApiKey, DEFAULT_PORT, ImmichEnvironment, Limits, Observer, RequestLog, Settings, Tls,
    immich_names,
};

use crate::args::{LibraryArgs, ModelArgs, TruncateArgs};
use crate::interrupt::Interrupt;
use crate::{Outcome, library, model, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli serve ~/Pictures --open                  index a folder, search it in the browser
  clip-cli serve                                    search what was indexed before; embeddings for programs
  clip-cli serve --host 0.0.0.0 --api-key SECRET    let other machines ask, with a key

Programs send texts and images to http://127.0.0.1:7997/v1/embeddings as to OpenAI's API; /docs lists
what else there is.")]
pub(crate) struct ServeArgs {
    /// Folders and pictures that are indexed now, and whenever a client asks for it
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Listen on this address; any but one of this machine alone needs a key
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,

    /// Listen on this port; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    port: u16,

    /// Answer only to who sends this key, as `Authorization: Bearer KEY`
    #[arg(long, value_name = "KEY", env = "CLIP_API_KEY", hide_env_values = true)]
    api_key: Option<String>,

    /// Answer to everybody who reaches the address
    #[arg(long, conflicts_with = "api_key")]
    no_api_key: bool,

    /// Encrypt connections with this certificate, a file in PEM (TLS)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The private key of the certificate, a file in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// Refuse images of more million pixels before decoding them
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_megapixels)]
    max_megapixels: u32,

    /// Open the page in the browser
    #[arg(long)]
    open: bool,

    /// Print a line for each request: its method, route, status and time, and nothing of what it holds
    #[arg(short, long)]
    verbose: bool,

    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    truncate: TruncateArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &ServeArgs) -> Result<Outcome> {
    let model =
        ModelArgs { model: args.model.model.clone().or_else(preloaded)?, ..args.model.clone() };
    let settings = settings(args, &model)?;
    clip_server::check_access(&settings)?;
    let embedder = model::embedder(&model, args.truncate.overflow())?;
    let collection = library::open_or_create(&args.library, embedder.checkpoint())?;
    let interrupt =
        Interrupt::listen(|| report::note("answers what was accepted; Ctrl-C again ends it"))?;
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    let console = Console { interrupt, scheme, open: args.open, verbose: args.verbose };
    clip_server::run(embedder, Some(collection), settings, Arc::new(console))?;
    Ok(Outcome::Found)
}

/// The model that immich's environment variables name.
fn preloaded() -> Result<Option<PathBuf>> {
    let environment = ImmichEnvironment::read(|name| std::env::var(name).ok())?;
    if environment.ttl_seconds.is_some_and(|seconds| seconds > 0) {
        report::note("MACHINE_LEARNING_MODEL_TTL changes nothing: a server keeps its model");
    }
    let Some(immich) = environment.model else { return Ok(None) };
    let names = immich_names(&immich);
    let is_here = |name: &&&str| model::find(Some(Path::new(name))).is_ok();
    match (names.iter().find(is_here), names) {
        (Some(name), _) => Ok(Some(name.into())),
        (None, []) => Ok(Some(immich.into())),
        (None, [name, ..]) => {
            let how = match registry::find(name) {
                Ok(_) => format!("pull {name}"),
                // All that immich has and the registry has not are Google's.
                Err(_) => format!("add google/{name}"),
            };
            bail!(
                "MACHINE_LEARNING_PRELOAD__CLIP names {immich}, which is {name} here and is not on this machine: \
                 get it with `clip-cli models {how}`"
            )
        }
    }
}

fn settings(args: &ServeArgs, model: &ModelArgs) -> Result<Settings> {
    let access = match &args.api_key {
        None if args.no_api_key => Access::Anybody,
        None => Access::Local,
        Some(key) => match ApiKey::new(key.as_str()) {
            Some(key) => Access::Key(key),
            None => bail!("a key is made of letters, digits and signs of ASCII, without blanks"),
        },
    };
    // Before the model is read: a folder that is not there should fail at once.
    let folders = args.paths.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
    let name =
        model.model.get().and_then(|name| name.file_stem()).map(|name| name.to_string_lossy());
    Ok(Settings {
        address: SocketAddr::new(args.host, args.port),
        access,
        tls: args
            .tls_cert
            .clone()
            .zip(args.tls_key.clone())
            .map(|(certificate, key)| Tls { certificate, key }),
        limits: Limits { max_megapixels: args.max_megapixels, ..Limits::default() },
        folders,
        aliases: name.into_iter().map(Into::into).collect(),
    })
}

/// Says on standard error what happens.
struct Console {
    interrupt: Interrupt,
    scheme: &'static str,
    open: bool,
    verbose: bool,
}

impl Observer for Console {
    fn listening(&self, address: SocketAddr) {
        let url = format!("{}://{address}", self.scheme);
        report::note(format_args!("listens on {url}; Ctrl-C ends it"));
        if self.open
            && let Err(error) = open::that_detached(&url)
        {
            report::warning(format_args!("no browser could be opened: {error}"));
        }
    }

    fn request(&self, request: &RequestLog<'_>) {
        let RequestLog { method, route, status, time } = request;
        if self.verbose || *status >= 500 {
            report::note(format_args!(
                "{method} {route} {status} {:.1} ms",
                time.as_secs_f64() * 1e3
            ));
        }
    }

    fn warning(&self, message: &str) {
        report::warning(message);
    }

    fn is_cancelled(&self) -> bool {
        self.interrupt.came()
    }
}
