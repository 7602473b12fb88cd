# syntax=docker/dockerfile:1
# All images of the project, one target each: auth, tickets, orders, payments, expiration, analytics,
# frontend, turnstile. `docker build --target tickets .`, or skaffold, or `cargo xtask images`.
ARG RUST=docker.io/library/rust:1.95-bookworm
# glibc, certificates and nothing else: no shell, no package manager.
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST} AS tools
RUN cargo install cargo-chef --version 0.1.78 --locked
WORKDIR /src

# What the workspace depends on, and nothing of its own code: this layer, and so the long one below,
# stays the same until a Cargo.toml or Cargo.lock changes.
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
# `dev` builds in a fraction of the time, and runs slower.
ARG PROFILE=release
COPY --from=recipe /src/recipe.json .
RUN cargo chef cook --profile ${PROFILE} --locked --bins --recipe-path recipe.json
COPY . .
COPY --from=web /src/frontend/dist frontend/dist
ARG COMMIT
RUN TURNSTILE_COMMIT=${COMMIT} cargo build --profile ${PROFILE} --locked --bins \
        --package auth --package tickets --package orders --package payments \
        --package expiration --package analytics --package turnstile \
    && mkdir /out \
    && cd target/$([ "${PROFILE}" = dev ] && echo debug || echo "${PROFILE}") \
    && cp auth tickets orders payments expiration analytics turnstile /out/

# --- What runs. `cargo xtask images` builds from here on where nothing can be pulled.
FROM ${RUNTIME} AS runtime
ARG VERSION=0.0.0
ARG COMMIT
LABEL org.opencontainers.image.title="Turnstile" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${COMMIT}"
# By number, so that Kubernetes can tell that it isn't root.
USER 65532:65532
EXPOSE 8080

FROM runtime AS auth
COPY --from=builder /out/auth /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/auth"]

FROM runtime AS tickets
COPY --from=builder /out/tickets /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/tickets"]

FROM runtime AS orders
COPY --from=builder /out/orders /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/orders"]

FROM runtime AS payments
COPY --from=builder /out/payments /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/payments"]

FROM runtime AS expiration
COPY --from=builder /out/expiration /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/expiration"]

FROM runtime AS analytics
COPY --from=builder /out/analytics /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/analytics"]

# The web app is part of the program.
FROM runtime AS frontend
COPY --from=builder /out/turnstile /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/turnstile"]
CMD ["web"]

# Everything in one process, and the tool of operators and analysts.
FROM runtime AS turnstile
COPY --from=builder /out/turnstile /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/turnstile"]
CMD ["serve"]
