package detect

import (
	"cmp"
	"path"
	"slices"
	"strings"
)

// src is where the build stage has the module.
func (m goModule) src() string { return path.Join("/src", m.dir) }

func (m goModule) copySource(s *script) {
	to := "."
	if m.dir != "" {
		to = "/src"
	}
	s.line("COPY . %s", to)
}

// buildStage compiles into /out.
func (m goModule) buildStage(a *app, s *script, p *Plan, out string) {
	s.from("golang:"+p.Version+"-bookworm", "build")
	s.line("WORKDIR %s", m.src())
	s.apt(p.Packages...)
	if m.cgo == "" && a.BuildCommand == "" {
		s.line("ENV CGO_ENABLED=0")
	}
	s.run("install -d -m 1777 /out/tmp")
	switch {
	case a.InstallCommand != "":
		m.copySource(s)
		s.userRun(p.Install, cache("/go/pkg/mod"))
	case m.download:
		s.line("COPY %s./", cmp.Or(map[bool]string{true: "go.mod go.sum "}[m.sums], "go.mod "))
		s.userRun("go mod download", cache("/go/pkg/mod"))
	}
	if a.InstallCommand == "" {
		m.copySource(s)
	}
	s.buildArgs()
	build := "go build -trimpath -o " + out + " " + m.main
	if a.BuildCommand != "" {
		build = p.Build
	}
	s.userRun(build, cache("/go/pkg/mod"), cache("/root/.cache/go-build"))
}

// smallImage has nothing but the program.
func (m goModule) smallImage(a *app, p *Plan) {
	s := a.script()
	m.buildStage(a, s, p, "/out/app")
	s.from("scratch", "")
	s.line("COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/")
	s.line("COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/share/zoneinfo.zip")
	s.line("COPY <<PASSWD /etc/passwd\nnonroot:x:65532:65532::/tmp:/sbin/nologin\nPASSWD")
	s.line("COPY --from=build /out /")
	for _, d := range m.data {
		s.line("COPY --from=build %s/%s /%s", m.src(), d, d)
	}
	s.line("ENV ZONEINFO=/usr/share/zoneinfo.zip HOME=/tmp PORT=%d", p.Port)
	s.line("EXPOSE %d", p.Port)
	s.line("USER 65532:65532")
	s.line("ENTRYPOINT %s", jsonList("/app"))
	s.done(p)
}

// largeImage has a shell and libraries beside the program.
func (m goModule) largeImage(a *app, p *Plan) {
	s := a.script()
	out := "/out/bin/"
	if !strings.Contains(m.main, " ") {
		out += m.binary(m.main)
	}
	m.buildStage(a, s, p, out)
	s.from("debian:bookworm-slim", "")
	s.apt(append(slices.Clone(p.Packages), "ca-certificates", "tzdata")...)
	s.user(appDir)
	s.line("WORKDIR %s", appDir)
	if a.BuildCommand != "" {
		s.copyApp("build", m.src(), ".")
	} else {
		s.copyApp("build", "/out/bin", "./bin")
		for _, d := range m.data {
			s.copyApp("build", m.src()+"/"+d, "./"+d)
		}
	}
	s.line("ENV PATH=%s/bin:$PATH", appDir)
	s.start(p)
	s.done(p)
}
