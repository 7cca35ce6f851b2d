# Static binary, no shell, no root. Build: docker build --build-arg VERSION=$(git describe --tags --always) -t tiangeng .
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/tiangeng ./cmd/tiangeng \
    && mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/tiangeng /tiangeng
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
# The admin listener must be reachable from the host for health checks, not from the outside.
ENV TIANGENG_LISTEN=:8080 TIANGENG_ADMIN_LISTEN=0.0.0.0:9090
EXPOSE 8080 9090
ENTRYPOINT ["/tiangeng"]
CMD ["serve"]
