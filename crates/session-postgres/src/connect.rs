//! How connections are opened, and what they are set to: [`open`].

use std::str::FromStr;
use std::time::Duration;

use session_core::BackendError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use tokio::time::timeout;

use crate::call::Server;
use crate::config::{PostgresConfig, is_plain_name};
use crate::connections::Connections;
use crate::error::{driver, other, too_slow};
use crate::pooler;
use crate::sql::quoted;

/// The oldest server that the tests have ever seen.
const OLDEST: u32 = 15;

const SILENT: &str = "PostgreSQL did not answer within the acquire timeout";

/// Opens one connection, to say at once what is wrong, and others as they are needed.
pub(crate) async fn open(config: &PostgresConfig) -> Result<Server, BackendError> {
    if let Some(schema) = config.schema.as_deref().filter(|schema| !is_plain_name(schema)) {
        return Err(other(format!(
            "{schema:?} cannot be the schema for sessions: lower-case letters, digits and \
             underscores only, not beginning with a digit or pg_, at most 63"
        )));
    }
    let plain = options(config)?;
    let place = place(&plain);
    // No more than four connections, and a word on each.
    let reaching = timeout(config.acquire_timeout * 4, reach(config, plain)).await;
    let reached = reaching.unwrap_or_else(|_| Err(too_slow(SILENT)));
    let options = reached.map_err(|error| {
        let context = format!("{error} ({place})");
        error.with_context(context)
    })?;
    let most = config.max_connections.get();
    let connections = Connections::own(options, most, config.statement_timeout);
    Ok(Server::new(connections, config.acquire_timeout, config.statement_timeout))
}

/// How to connect: with our settings if they arrive. Behind a pooler that lets none through, without; then
/// those that promises rest on have to be set there already.
async fn reach(
    config: &PostgresConfig,
    plain: PgConnectOptions,
) -> Result<PgConnectOptions, BackendError> {
    let with_settings = plain.clone().options(settings(config));
    match connect(config, &with_settings).await? {
        Ok(mut connection) => {
            let arrived = pooler::has_let_through(&mut connection).await?;
            goodbye(config, connection).await;
            if arrived {
                return Ok(with_settings);
            }
        }
        Err(error) if pooler::refuses_settings(&error) => {}
        Err(error) => return Err(driver(error)),
    }
    let mut first = connect(config, &plain).await?.map_err(driver)?;
    let mut second = connect(config, &plain).await?.map_err(driver)?;
    let patience = config.acquire_timeout;
    // What a pooler cannot do comes before what can be set behind it.
    let mut checked = pooler::check_statements(&mut first, &mut second, patience).await;
    if checked.is_ok() {
        checked = pooler::check_settings(&mut first, config).await;
    }
    goodbye(config, first).await;
    goodbye(config, second).await;
    checked.map(|()| plain)
}

async fn connect(
    config: &PostgresConfig,
    options: &PgConnectOptions,
) -> Result<Result<PgConnection, sqlx::Error>, BackendError> {
    let connecting = timeout(config.acquire_timeout, options.connect()).await;
    let connected = connecting.map_err(|_| too_slow(SILENT))?;
    if let Ok(connection) = &connected {
        check_version(connection)?;
    }
    Ok(connected)
}

/// A server that does not listen is found out by the next connection.
async fn goodbye(config: &PostgresConfig, connection: PgConnection) {
    let _ = timeout(config.acquire_timeout, connection.close()).await;
}

/// What holds for a pool that the application brought: the defaults.
pub(crate) fn given(pool: PgPool) -> Server {
    let config = PostgresConfig::new("");
    let connections = Connections::pooled(pool);
    Server::new(connections, config.acquire_timeout, config.statement_timeout)
}

fn options(config: &PostgresConfig) -> Result<PgConnectOptions, BackendError> {
    check_parameters(&config.url)?;
    let is_ours = ["postgres:", "postgresql:"].iter().any(|scheme| config.url.starts_with(scheme));
    let options = PgConnectOptions::from_str(&config.url)
        .ok()
        .filter(|_| is_ours)
        .ok_or_else(|| driver(sqlx::Error::Configuration("not a URL of PostgreSQL".into())))?;
    let name = options.get_application_name().unwrap_or("session-postgres").to_owned();
    Ok(options
        .application_name(&name)
        // No number with a point is read, and poolers refuse what they do not know.
        .extra_float_digits(None)
        // Whatever the URL says: there are few statements, and one that is not kept is prepared at each call.
        .statement_cache_capacity(100)
        // Its lines would repeat the same constants for every request.
        .disable_statement_logging())
}

/// The parameters of a URL that the driver reads.
const PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "",
];

/// That the driver reads each parameter of a URL. It would log another one, with its value, and go on as if it
/// were not there: `target_session_attrs=read-write` would let a standby pass.
fn check_parameters(url: &str) -> Result<(), BackendError> {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let query = query.split('#').next().unwrap_or_default();
    for parameter in query.split('&') {
        let name = parameter.split('=').next().unwrap_or_default();
        if PARAMETERS.contains(&name) || name.starts_with("options[") {
            continue;
        }
        // What is no name may be a piece of a password with a question mark in it.
        let is_name =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'-');
        let named = if is_name { format!("{name:?} ") } else { String::new() };
        return Err(other(format!(
            "the URL's parameter {named}is none that has an effect here: take it out (what libpq does with it, such as \
             to choose among hosts, is for a name or an address that follows the primary)"
        )));
    }
    Ok(())
}

fn settings(config: &PostgresConfig) -> Vec<(&'static str, String)> {
    let milliseconds = |duration: Duration| duration.as_millis().max(1).to_string();
    let mut settings = vec![
        // What the functions need; a role or a database may have another default.
        ("default_transaction_isolation", "read committed".to_owned()),
        ("statement_timeout", milliseconds(config.statement_timeout)),
        ("lock_timeout", milliseconds(config.lock_timeout)),
        // Every statement is a look-up by an index, whatever its parameters are: planned once per
        // connection, and never as the scan that a table without rows would suggest.
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        ("enable_seqscan", "off".to_owned()),
        // Nothing here waits inside a transaction. Should it ever, the server ends it.
        ("idle_in_transaction_session_timeout", "60000".to_owned()),
        // To compile a statement takes longer than to look up a few rows.
        ("jit", "off".to_owned()),
        // Shows that the others arrived.
        (pooler::MARK, pooler::LET_THROUGH.to_owned()),
    ];
    settings.extend(config.schema.as_deref().map(|schema| ("search_path", quoted(schema))));
    settings
}

/// Where the server is, without who asks.
fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => format!("socket in {}", folder.display()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

pub(crate) fn check_version(connection: &PgConnection) -> Result<(), BackendError> {
    // A server that gives no number is no release; those know what they do.
    match connection.server_version_num() {
        Some(number) if number / 10_000 < OLDEST => Err(other(format!(
            "PostgreSQL {} is too old for sessions: {OLDEST} or later is needed",
            number / 10_000
        ))),
        _ => Ok(()),
    }
}
