package spec_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/fault"
	. "github.com/davitdev/davit/internal/spec"
)

func TestSettingsValidate(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("x", 5000)
	files := func(list ...ConfigFile) Settings { return Settings{ConfigFiles: list} }
	at := func(path string) Settings { return files(ConfigFile{Path: path, Mode: 0o644, VersionID: "flv_1"}) }
	holds := func(text string) Settings {
		return files(ConfigFile{Path: "/a", Mode: 0o644, Size: len(text), Content: &text})
	}
	check := func(h HealthCheck) Settings { return Settings{HealthCheck: &h} }
	tests := []struct {
		name  string
		in    Settings
		field string // "": it is valid
	}{
		{"nothing said is valid", Settings{}, ""},
		{"everything said is valid", Settings{
			Builder: Dockerfile, DockerfilePath: "build/Dockerfile.prod", DockerTarget: "final",
			BuildArgs: []KeyValue{{"VERSION", "1"}}, StartCommand: `serve --name "a b"`, Port: 65535,
			Language: "python", LanguageVersion: "~=3.11, <4", InstallCommand: "a &&\\\n\tb", BuildCommand: "c | d", OutputDirectory: "build/client",
			Packages: []string{"libpq5", "g++", "libstdc++6"},
			HealthCheck: &HealthCheck{
				Kind: CheckHTTP, SuccessCodes: "200-299,401", Path: "/healthz?full=1", Port: 1, Interval: time.Second,
				Timeout: 10 * time.Millisecond, StartPeriod: time.Hour, HealthyThreshold: 100,
			},
			Resources: Resources{CPUMillis: 10, MemoryBytes: 6 << 20}, RestartPolicy: RestartNever, RestartMaxRetries: 1000, DrainTimeout: time.Hour,
		}, ""},

		{"a config file", at("/etc/app.d/config ü.yml"), ""},
		{"a config file beside another", files(ConfigFile{Path: "/a", Mode: 1, VersionID: "flv_1"}, ConfigFile{Path: "/ab/c", Mode: 0o777, VersionID: "flv_1"}), ""},
		{"a config file of the most bytes", holds(strings.Repeat("x", MaxFileBytes)), ""},
		{"an empty config file", holds(""), ""},
		{"a config file without content", files(ConfigFile{Path: "/a", Mode: 0o644}), "s.configFiles"},
		{"a config file of too many bytes", holds(strings.Repeat("x", MaxFileBytes+1)), "s.configFiles"},
		{"a config file that is no text", holds("\xff"), "s.configFiles"},
		{"too many config files", files(make([]ConfigFile, 21)...), "s.configFiles"},
		{"config files of too many bytes together", files(
			ConfigFile{Path: "/a", Mode: 0o644, Size: 300 << 10, VersionID: "flv_1"}, ConfigFile{Path: "/b", Mode: 0o644, Size: 300 << 10, VersionID: "flv_1"},
		), "s.configFiles"},
		{"a config file twice", files(at("/a").ConfigFiles[0], at("/a").ConfigFiles[0]), "s.configFiles"},
		{"a config file below another", files(at("/a/b/c").ConfigFiles[0], at("/a.b").ConfigFiles[0], at("/a").ConfigFiles[0]), "s.configFiles"},
		{"a config file without a path", at(""), "s.configFiles"},
		{"the root as a config file", at("/"), "s.configFiles"},
		{"a config file with a relative path", at("etc/app"), "s.configFiles"},
		{"a config file above the root", at("/../etc/app"), "s.configFiles"},
		{"a config file that is a directory", at("/etc/app/"), "s.configFiles"},
		{"a config file with a newline in its path", at("/etc/a\nb"), "s.configFiles"},
		{"a config file with a path that is too long", at("/" + long), "s.configFiles"},
		{"a config file with a name that is too long", at("/" + strings.Repeat("x", 256)), "s.configFiles"},
		{"a config file among processes", at("/proc/sys/kernel/core_pattern"), "s.configFiles"},
		{"a config file among devices", at("/dev/null"), "s.configFiles"},
		{"a config file in sysfs", at("/sys"), "s.configFiles"},
		{"a config file over the engine's", at("/etc/resolv.conf"), "s.configFiles"},
		{"a config file without permissions", files(ConfigFile{Path: "/a", VersionID: "flv_1"}), "s.configFiles"},
		{"a config file with a set-user-ID bit", files(ConfigFile{Path: "/a", Mode: 0o4755, VersionID: "flv_1"}), "s.configFiles"},
		{"a config file with a negative mode", files(ConfigFile{Path: "/a", Mode: -1, VersionID: "flv_1"}), "s.configFiles"},

		{"a Dockerfile above the source", Settings{DockerfilePath: "../Dockerfile"}, "s.dockerfilePath"},
		{"a Dockerfile anywhere on the host", Settings{DockerfilePath: "/etc/passwd"}, "s.dockerfilePath"},
		{"a target that is a flag", Settings{DockerTarget: "--privileged"}, "s.dockerTarget"},
		{"a target that is too long", Settings{DockerTarget: long}, "s.dockerTarget"},
		{"too many build arguments", Settings{BuildArgs: make([]KeyValue, 101)}, "s.buildArgs"},
		{"a build argument without a name", Settings{BuildArgs: []KeyValue{{"", "v"}}}, "s.buildArgs"},
		{"a build argument with a newline in its name", Settings{BuildArgs: []KeyValue{{"A\nRUN x", "v"}}}, "s.buildArgs"},
		{"a build argument that is too long", Settings{BuildArgs: []KeyValue{{"A", long}}}, "s.buildArgs"},
		{"a build argument with a NUL", Settings{BuildArgs: []KeyValue{{"A", "\x00"}}}, "s.buildArgs"},
		{"a language that nobody speaks", Settings{Language: "klingon"}, "s.language"},
		{"a language in capitals", Settings{Language: "Node"}, "s.language"},
		{"a version that is an instruction", Settings{LanguageVersion: "22\nRUN x"}, "s.languageVersion"},
		{"a version without an end", Settings{LanguageVersion: strings.Repeat("1", 65)}, "s.languageVersion"},
		{"an install command that is too long", Settings{InstallCommand: long}, "s.installCommand"},
		{"an install command of spaces", Settings{InstallCommand: " \n"}, "s.installCommand"},
		{"a build command with a NUL", Settings{BuildCommand: "a\x00b"}, "s.buildCommand"},
		{"a build command that is no text", Settings{BuildCommand: "\xff"}, "s.buildCommand"},
		{"an output directory above the source", Settings{OutputDirectory: "../dist"}, "s.outputDirectory"},
		{"an output directory that is a flag", Settings{OutputDirectory: "--from=x"}, "s.outputDirectory"},
		{"an output directory of two words", Settings{OutputDirectory: "a b"}, "s.outputDirectory"},
		{"a package that is a flag", Settings{Packages: []string{"--allow-unauthenticated"}}, "s.packages"},
		{"a package and a command", Settings{Packages: []string{"curl; reboot"}}, "s.packages"},
		{"an empty package", Settings{Packages: []string{""}}, "s.packages"},
		{"too many packages", Settings{Packages: make([]string, 101)}, "s.packages"},
		{"a process that is the service itself", Settings{Processes: []Process{{"web", "serve", 1}}}, "s.processes"},
		{"a process without a name", Settings{Processes: []Process{{"", "work", 1}}}, "s.processes"},
		{"a process named like a path", Settings{Processes: []Process{{"../x", "work", 1}}}, "s.processes"},
		{"a process without a command", Settings{Processes: []Process{{"worker", " ", 1}}}, "s.processes"},
		{"a process with an unclosed quote", Settings{Processes: []Process{{"worker", `work "`, 1}}}, "s.processes"},
		{"a process with a NUL", Settings{Processes: []Process{{"worker", "work\x00", 1}}}, "s.processes"},
		{"a process with too many replicas", Settings{Processes: []Process{{"worker", "work", 51}}}, "s.processes"},
		{"a process with fewer replicas than none", Settings{Processes: []Process{{"worker", "work", -1}}}, "s.processes"},
		{"a process twice", Settings{Processes: []Process{{"worker", "work", 1}, {"worker", "rest", 1}}}, "s.processes"},
		{"too many processes", Settings{Processes: make([]Process, 21)}, "s.processes"},
		{"a schedule of four fields", Settings{Cron: "* * * *"}, "s.cron"},
		{"a day that never comes", Settings{Cron: "0 0 31 2 *"}, "s.cron"},
		{"a time zone that is a path", Settings{Cron: "* * * * *", TimeZone: "../UTC"}, "s.timeZone"},
		{"a time zone alone", Settings{TimeZone: "Nowhere"}, "s.timeZone"},
		{"a pre-deploy command without a program", Settings{PreDeployCommand: []string{"", "x"}}, "s.preDeployCommand"},
		{"a pre-deploy command with a NUL", Settings{PreDeployCommand: []string{"migrate", "\x00"}}, "s.preDeployCommand"},
		{"a pre-deploy command of too many words", Settings{PreDeployCommand: make([]string, 300)}, "s.preDeployCommand"},
		{"an unclosed quote", Settings{StartCommand: `serve "x`}, "s.startCommand"},
		{"a command of spaces", Settings{StartCommand: "   "}, "s.startCommand"},
		{"a command that begins with nothing", Settings{StartCommand: `"" serve`}, "s.startCommand"},
		{"a command that is too long", Settings{StartCommand: long}, "s.startCommand"},
		{"a command with a NUL", Settings{StartCommand: "serve\x00"}, "s.startCommand"},
		{"a negative port", Settings{Port: -1}, "s.port"},
		{"a port past the last", Settings{Port: 65536}, "s.port"},
		{"too little memory", Settings{Resources: Resources{MemoryBytes: 1}}, "s.resources.memoryBytes"},
		{"negative memory", Settings{Resources: Resources{MemoryBytes: -1}}, "s.resources.memoryBytes"},
		{"too much memory", Settings{Resources: Resources{MemoryBytes: 1<<40 + 1}}, "s.resources.memoryBytes"},
		{"too little CPU", Settings{Resources: Resources{CPUMillis: 9}}, "s.resources.cpuMillis"},
		{"too much CPU", Settings{Resources: Resources{CPUMillis: 1_024_001}}, "s.resources.cpuMillis"},
		{"negative restarts", Settings{RestartMaxRetries: -1}, "s.restartMaxRetries"},
		{"too many restarts", Settings{RestartMaxRetries: 1001}, "s.restartMaxRetries"},
		{"a negative drain", Settings{DrainTimeout: -1}, "s.drainTimeout"},
		{"a drain of a day", Settings{DrainTimeout: 24 * time.Hour}, "s.drainTimeout"},

		{"a check of no kind", check(HealthCheck{}), "s.healthCheck.kind"},
		{"a path without a slash", check(HealthCheck{Kind: CheckHTTP, Path: "healthz"}), "s.healthCheck.path"},
		{"a path that smuggles a header", check(HealthCheck{Kind: CheckHTTP, Path: "/ HTTP/1.1\r\nX: y"}), "s.healthCheck.path"},
		{"a path that is too long", check(HealthCheck{Kind: CheckHTTP, Path: "/" + long}), "s.healthCheck.path"},
		{"a check on no port", check(HealthCheck{Kind: CheckTCP, Port: 70000}), "s.healthCheck.port"},
		{"a command check without a command", check(HealthCheck{Kind: CheckCommand}), "s.healthCheck.command"},
		{"a command of too many words", check(HealthCheck{Kind: CheckCommand, Command: make([]string, 257)}), "s.healthCheck.command"},
		{"a word that is too long", check(HealthCheck{Kind: CheckCommand, Command: []string{long}}), "s.healthCheck.command"},
		{"a word with a NUL", check(HealthCheck{Kind: CheckCommand, Command: []string{"a\x00b"}}), "s.healthCheck.command"},
		{"an interval below a second", check(HealthCheck{Kind: CheckTCP, Interval: time.Millisecond}), "s.healthCheck.interval"},
		{"a negative interval", check(HealthCheck{Kind: CheckTCP, Interval: -time.Second}), "s.healthCheck.interval"},
		{"a timeout of an hour", check(HealthCheck{Kind: CheckTCP, Timeout: time.Hour}), "s.healthCheck.timeout"},
		{"a start period of a day", check(HealthCheck{Kind: CheckTCP, StartPeriod: 24 * time.Hour}), "s.healthCheck.startPeriod"},
		{"a negative threshold", check(HealthCheck{Kind: CheckTCP, HealthyThreshold: -1}), "s.healthCheck.healthyThreshold"},
		{"codes that are words", check(HealthCheck{Kind: CheckHTTP, SuccessCodes: "ok"}), "s.healthCheck.successCodes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantFault(t, tt.in.Validate("s"), fault.Invalid, tt.field)
		})
	}
}

// wantFault expects no error if field is empty, else one of code about field.
func wantFault(t *testing.T, err error, code fault.Code, field string) {
	t.Helper()
	if field == "" {
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	f, ok := err.(*fault.Error) //nolint:errorlint // these are never wrapped
	if !ok || f.Code != code || f.Field != field {
		t.Errorf("got %#v, want %s at %s", err, code, field)
	}
	if ok && !utf8.ValidString(f.Message) {
		t.Errorf("the message %q is not UTF-8", f.Message)
	}
}

func TestParseCodes(t *testing.T) {
	t.Parallel()

	tests := []struct {
		in   string
		want []CodeRange // nil: refused
	}{
		{"", []CodeRange{{200, 399}}},
		{"200", []CodeRange{{200, 200}}},
		{"200-399,401", []CodeRange{{200, 399}, {401, 401}}},
		{" 204 , 301-302", []CodeRange{{204, 204}, {301, 302}}},
		{"100-599", []CodeRange{{100, 599}}},
		{"99", nil},
		{"600", nil},
		{"300-200", nil},
		{"-200", nil},
		{"200-", nil},
		{"+200", nil},
		{"200-+300", nil},
		{"200,,201", nil},
		{",", nil},
		{"2e2", nil},
		{"200-300-400", nil},
		{"99999999999999999999", nil},
		{strings.Repeat("200,", 32) + "200", nil},
	}
	for _, tt := range tests {
		got, err := ParseCodes(tt.in)
		if (err == nil) != (tt.want != nil) || !cmp.Equal(got, tt.want) {
			t.Errorf("ParseCodes(%.20q) = %v, %v; want %v", tt.in, got, err, tt.want)
		}
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()

	tests := map[string][]string{
		"":                       nil,
		"node server.js":         {"node", "server.js"},
		`sh -c "echo $HOME; ls"`: {"sh", "-c", "echo $HOME; ls"}, // no shell of ours reads it
		`a 'b c' d\ e`:           {"a", "b c", "d e"},
		`a ""`:                   {"a", ""},
	}
	for in, want := range tests {
		got, err := Settings{StartCommand: in}.Command()
		if err != nil || !cmp.Equal(got, want) {
			t.Errorf("%q gives %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestCheckSlug(t *testing.T) {
	t.Parallel()

	for _, s := range []string{"a", "shop", "shop-2", "a--b", strings.Repeat("a", 40)} {
		wantFault(t, CheckSlug("slug", s), "", "")
	}
	for _, s := range []string{
		"", "-a", "a-", "2shop", "Shop", "a_b", "a.b", "a b", "a\n", "ä", "xn--p1ai", strings.Repeat("a", 41), strings.Repeat("ä", 40), "\x00",
	} {
		wantFault(t, CheckSlug("slug", s), fault.NameInvalid, "slug")
	}
}

func TestCheckName(t *testing.T) {
	t.Parallel()

	for _, s := range []string{"Shop", "Łódź 🚢", strings.Repeat("ä", 100)} {
		wantFault(t, CheckName("name", s), "", "")
	}
	for _, s := range []string{"", " ", " a", "a ", "a\nb", "a\x00", "\xff", "a\u202eb", strings.Repeat("a", 101)} {
		wantFault(t, CheckName("name", s), fault.NameInvalid, "name")
	}
}

func TestCheckVariable(t *testing.T) {
	t.Parallel()

	for _, s := range []string{"A", "_a9", "PORTS", strings.Repeat("A", 128)} {
		wantFault(t, CheckVariable("name", s), "", "")
	}
	for _, s := range []string{"", "9A", "A-B", "A=B", "A\n", "PORT", strings.Repeat("A", 129)} {
		wantFault(t, CheckVariable("name", s), fault.NameInvalid, "name")
	}
}

func TestCheckImage(t *testing.T) {
	t.Parallel()

	digest := "@sha256:" + strings.Repeat("a", 64)
	for _, ref := range []string{"nginx", "nginx:1.27", "ghcr.io/team/app:v1", "localhost:5000/app", "registry.example.com:443/a/b/c" + digest, "a:b" + digest} {
		wantFault(t, CheckImage("image", ref), "", "")
	}
	for _, ref := range []string{
		"", " nginx", "nginx ", "Nginx", "nginx:", "nginx:a b", "--privileged", "-v", "nginx\n", "nginx\x00", "../etc", "/nginx", "nginx//x",
		"http://example.com/x", "nginx@sha256:abc", "nginx:$(id)", "nginx;id", "a@b@c", strings.Repeat("a", 64), strings.Repeat("a/", 300), "ä/ö", "\xff",
	} {
		wantFault(t, CheckImage("image", ref), fault.Invalid, "image")
	}
}

func TestImageHost(t *testing.T) {
	t.Parallel()

	for ref, want := range map[string]string{
		"nginx": "docker.io", "team/app": "docker.io", "ghcr.io/team/app:v1": "ghcr.io", "localhost:5000/app": "localhost:5000", "GHCR.io/a": "ghcr.io", "no reference": "",
	} {
		if got := ImageHost(ref); got != want {
			t.Errorf("ImageHost(%q) = %q, want %q", ref, got, want)
		}
	}
}

func TestLocalPath(t *testing.T) {
	t.Parallel()

	for _, p := range []string{"Dockerfile", "a/b.c", "..a", "a/..b", "...", "ä"} {
		if !LocalPath(p) {
			t.Errorf("%q is refused", p)
		}
	}
	for _, p := range []string{"", "..", "../a", "a/../../b", "a/../b", "./a", "a/", "a//b", "/a", `a\b`, `..\a`, "a\x00", "a\n", "\xff", strings.Repeat("a", 1025)} {
		if LocalPath(p) {
			t.Errorf("%q is accepted", p)
		}
	}
}
