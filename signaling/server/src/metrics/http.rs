//! Times requests by route.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};

use crate::app::App;

/// Times a request. For a WebSocket that is its upgrade.
pub(crate) async fn observe_request(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let code = response.status();
    app.metrics
        .http
        .with_label_values(&[route, code.as_str()])
        .observe(started.elapsed().as_secs_f64());
    response
}
