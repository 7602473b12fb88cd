# syntax=docker/dockerfile:1
# The one image of the project: every service, the web app and the command line are one program.
# `docker build .`, or skaffold, or `cargo xtask images`.
ARG RUST=docker.io/library/rust:1.95-bookworm
# glibc, certificates and nothing else: no shell, no package manager.
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST} AS tools
RUN cargo install cargo-chef --version 0.1.78 --locked
WORKDIR /src

# The dependencies of the workspace, and none of its own code: this layer, and so the long one
# below, stays the same until a Cargo.toml or Cargo.lock changes.
FROM tools AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM tools AS web
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nodejs npm \
    && rm -rf /var/lib/apt/lists/*
COPY . .
# The web app is a workspace of its own, which shares a crate with this one.
RUN --mount=type=cache,target=/src/frontend/target \
    --mount=type=cache,target=/src/target \
    --mount=type=cache,target=/src/.tools \
    --mount=type=cache,target=/usr/local/cargo/registry \
    cargo xtask build-web

FROM tools AS builder
# `dev` builds in a fraction of the time, but runs slower.
ARG PROFILE=release
COPY --from=recipe /src/recipe.json .
RUN cargo chef cook --profile ${PROFILE} --locked --package turnstile --bin turnstile --recipe-path recipe.json
COPY . .
COPY --from=web /src/frontend/dist frontend/dist
ARG COMMIT
RUN TURNSTILE_COMMIT=${COMMIT} cargo build --profile ${PROFILE} --locked --package turnstile --bin turnstile \
    && mkdir /out \
    && cp target/$([ "${PROFILE}" = dev ] && echo debug || echo "${PROFILE}")/turnstile /out/

# --- The final image. `cargo xtask images` builds from here on where nothing can be pulled.
FROM ${RUNTIME} AS runtime
ARG VERSION=0.0.0
ARG COMMIT
LABEL org.opencontainers.image.title="Turnstile" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
# By number, so that Kubernetes can verify that it isn't root.
USER 65532:65532
EXPOSE 8080

FROM runtime AS turnstile
COPY --from=builder /out/turnstile /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/turnstile"]
# All services and the web app in one process; `serve orders` runs one of them.
CMD ["serve"]
