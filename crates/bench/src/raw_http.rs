//! The limit for reads: an actix-web handler that responds with bytes from memory.

use actix_web::{App, HttpResponse, HttpServer, http::header::ContentType, web};
use anyhow::{Context, Result};
use bytes::Bytes;
use std::{fs, path::PathBuf};

/// The contents to serve.
#[derive(clap::Args)]
pub struct Options {
    #[arg(long)]
    port: u16,
    /// Number of threads: as many as the server has.
    #[arg(long)]
    workers: usize,
    /// The file with the response of `/api/tickets`.
    #[arg(long)]
    list: PathBuf,
    /// The file with the response of `/api/tickets/<anything>`.
    #[arg(long)]
    one: PathBuf,
}

#[derive(Clone)]
struct List(Bytes);

#[derive(Clone)]
struct One(Bytes);

/// Serves until killed.
pub fn serve(options: &Options) -> Result<()> {
    let read = |path: &PathBuf| {
        fs::read(path)
            .map(Bytes::from)
            .with_context(|| format!("can't read {}", path.display()))
    };
    let (list, one) = (List(read(&options.list)?), One(read(&options.one)?));
    actix_web::rt::System::new().block_on(async {
        let app = move || {
            App::new()
                .app_data(web::Data::new(list.clone()))
                .app_data(web::Data::new(one.clone()))
                .route("/api/tickets", web::get().to(answer_list))
                .route("/api/tickets/{id}", web::get().to(answer_one))
        };
        HttpServer::new(app)
            .workers(options.workers)
            .bind(("127.0.0.1", options.port))?
            .run()
            .await
    })?;
    Ok(())
}

async fn answer_list(list: web::Data<List>) -> HttpResponse {
    json(list.0.clone())
}

async fn answer_one(one: web::Data<One>) -> HttpResponse {
    json(one.0.clone())
}

fn json(bytes: Bytes) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(bytes)
}
