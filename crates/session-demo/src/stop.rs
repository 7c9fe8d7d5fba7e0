//! How the demo is told to stop: [`Stop`].

use tokio::sync::watch;

/// Whether the demo was told to stop.
pub(crate) type Stop = watch::Receiver<bool>;

/// Ready when the demo was told to stop.
pub(crate) async fn stopped(mut stop: Stop) {
    // An error means that nobody can tell any more, which is as good as being told.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Becomes true at SIGINT and SIGTERM. The handlers are in place when this returns.
pub(crate) fn stop_signal() -> std::io::Result<Stop> {
    let (tell, stop) = watch::channel(false);
    let told = told_to_stop()?;
    #[expect(clippy::disallowed_methods, reason = "an application waits for signals in a task")]
    tokio::spawn(async move {
        told.await;
        let _ = tell.send(true);
    });
    Ok(stop)
}

#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as the other one")]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
