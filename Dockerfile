# One image for every role; the role is the command: docker run sluice gateway. docs/containers.md says
# how the containers are started together. Nothing here needs BuildKit.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY deploy/packages.txt deploy/
RUN apt-get update \
    && apt-get install -y --no-install-recommends $(awk 'NF == 2 && $2 == "build" { print $1 }' deploy/packages.txt) \
    && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt ./
COPY cmake cmake
COPY tests/CMakeLists.txt tests/
COPY bench bench
COPY sql sql
COPY src src
COPY web web
RUN cmake -S . -B build -G Ninja && ninja -C build sluice && strip build/sluice

FROM debian:bookworm-slim
# Of what it takes to run the whole stack on one machine, a role needs the libraries alone.
COPY deploy/packages.txt /usr/share/doc/sluice/
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        $(awk 'NF == 2 && $2 == "run" && $1 ~ /^(lib|ca-certificates$)/ { print $1 }' /usr/share/doc/sluice/packages.txt) \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && groupadd --gid 10001 sluice \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin sluice
COPY deploy/containers/check-secrets /usr/local/lib/sluice/
COPY --from=build /src/build/sluice /usr/local/bin/
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
# Who may reach it is decided by the ports that the container publishes.
ENV HOST=0.0.0.0
EXPOSE 3000 3001 3002 3003
# Asks the role that process 1 is, on PORT or the role's own.
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["sluice", "health"]
ENTRYPOINT ["sluice"]
CMD ["--help"]
