# The image holds one static binary. Certificates, time zones, queries and reports are part of it.
#
#   docker build --build-arg COMMIT="$(git rev-parse HEAD)" -t runner .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" -e CIRCLE_TOKEN runner run failed-jobs …

FROM rust:1.95-alpine AS build
WORKDIR /src
COPY . .
# The context has no history to read the commit from.
ARG COMMIT=""
ARG TARGETARCH
# Alpine links statically.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=target-$TARGETARCH,target=/src/target \
    RUNNER_BUILD_COMMIT="$COMMIT" cargo build --release --locked \
    && mkdir -p "/out/$TARGETARCH" /out/root/tmp /out/root/work \
    && cp target/release/runner "/out/$TARGETARCH/runner" \
    && chmod 1777 /out/root/tmp

# The release workflow replaces the stage above with the binaries of the release:
# `--build-context build=DIR`, with DIR/out in the same layout.
FROM scratch
ARG TARGETARCH
LABEL org.opencontainers.image.title="runner" \
    org.opencontainers.image.description="Declarative query runner for CircleCI and other REST APIs" \
    org.opencontainers.image.source="https://github.com/OWNER/runner" \
    org.opencontainers.image.licenses="MIT"
# /tmp, for bodies that are too large for memory, and /work.
COPY --from=build --chown=65532:65532 /out/root /
COPY --from=build /out/$TARGETARCH/runner /runner
# Nobody in particular; `--user` makes the user of a mounted folder its owner here too.
USER 65532:65532
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["/runner"]
