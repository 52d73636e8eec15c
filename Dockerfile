# Builds with any OCI builder: docker build -t portolan .
# Node is the npm package that package-lock.json pins, so that the image runs what the tests ran.

FROM debian:trixie-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates npm libatomic1 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --loglevel=error --ignore-scripts=false
COPY tsconfig.json rolldown.config.ts ./
COPY bin bin
COPY templates templates
COPY scripts/code.mjs scripts/
COPY src src
# The build holds the libraries too; the dev dependency `node` is the pinned run-time.
RUN PATH="/build/node_modules/.bin:$PATH" npm run build && cp -L node_modules/node/bin/node /build/node

FROM debian:trixie-slim
# HAProxy binds ports below 1024 as user portolan, also on the host's network, where no sysctl of the container applies:
# its binary has the capability. The kernel then refuses to run it in a container that drops NET_BIND_SERVICE.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates haproxy libatomic1 libcap2-bin openssl tini \
 && rm -rf /var/lib/apt/lists/* \
 && setcap cap_net_bind_service=+ep /usr/sbin/haproxy \
 && groupadd --gid 7080 portolan \
 && useradd --uid 7080 --gid 7080 --home-dir /var/lib/portolan --shell /usr/sbin/nologin portolan \
 && install -d -m 0750 -o portolan -g portolan /var/lib/portolan \
 && install -d -m 0755 /etc/portolan
COPY --from=build /build/node /usr/local/bin/node
COPY --from=build /build/package.json /opt/portolan/package.json
COPY --from=build /build/dist /opt/portolan/dist
COPY bin /opt/portolan/bin
COPY templates /opt/portolan/templates
RUN ln -s /opt/portolan/bin/portolan /usr/local/bin/portolan

ENV NODE_ENV=production PORTOLAN_STATE_DIR=/var/lib/portolan PORTOLAN_ON_STOP=drain
USER portolan
WORKDIR /var/lib/portolan
VOLUME /var/lib/portolan
EXPOSE 80 443 9091
STOPSIGNAL SIGTERM
# Ready: HAProxy serves, with whatever configuration was last good. It stays so while Marathon is gone.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["portolan", "status", "--quiet"]
# tini reaps what HAProxy leaves, and hands signals on. HAProxy is in a session of its own: Portolan alone tells it to drain.
ENTRYPOINT ["/usr/bin/tini", "-g", "--", "portolan"]
CMD ["run"]
