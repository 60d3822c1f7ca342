# Made by Davit. To change it, save it as Dockerfile beside go.mod.
FROM golang:1.24-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0
RUN install -d -m 1777 /out/tmp
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -o /out/app .

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/share/zoneinfo.zip
COPY <<PASSWD /etc/passwd
nonroot:x:65532:65532::/tmp:/sbin/nologin
PASSWD
COPY --from=build /out /
ENV ZONEINFO=/usr/share/zoneinfo.zip HOME=/tmp PORT=8080
EXPOSE 8080
USER 65532:65532
ENTRYPOINT ["/app"]
