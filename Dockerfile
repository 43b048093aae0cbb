# The server, in two stages: what builds it stays behind. README.md and docs/DEPLOY.md say how it is run.
ARG NODE_IMAGE=node:26.12.0-trixie-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# The packages first: they are installed again only when their list changes.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.base.json ./
COPY migrations ./migrations
COPY src ./src
COPY build ./build
COPY docs ./docs
RUN npm run build:server && npm prune --omit=dev --no-audit --no-fund

FROM ${NODE_IMAGE} AS run
LABEL org.opencontainers.image.title="AIBrain Server" \
      org.opencontainers.image.description="The memory server behind every AI assistant you use" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/migrations ./migrations
COPY --from=build /app/dist/embedded-template ./dist/embedded-template
COPY --from=build /app/dist/docs ./dist/docs
COPY --from=build /app/dist/src ./dist/src
# The only place that is written to, beside the folder for temporary files. A new named volume takes over its owner.
RUN install -d -o node -g node -m 700 /data
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# `docker run IMAGE verify` and the other commands of aibrain work too.
ENTRYPOINT ["node", "dist/src/server/cli.js"]
CMD ["start"]
