package detect

import (
	"slices"
	"strings"

	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/lazy"
)

var (
	pomJava     = lazy.Regexp(`<(?:java\.version|maven\.compiler\.release|maven\.compiler\.target|maven\.compiler\.source|release)>\s*([\d.]+)\s*<`)
	gradleJava  = lazy.Regexp(`(?:JavaLanguageVersion\.of\(|jvmToolchain\(|sourceCompatibility\s*=\s*(?:JavaVersion\.VERSION_|['"]?))(\d[\d._]*)`)
	springBoot  = lazy.Regexp(`spring-boot`)
	quarkus     = lazy.Regexp(`io\.quarkus`)
	kotlinUsed  = lazy.Regexp(`org\.jetbrains\.kotlin|kotlin\(`)
	shadow      = lazy.Regexp(`com\.(?:github\.johnrengelman|gradleup)\.shadow|maven-shade-plugin|maven-assembly-plugin|io\.ktor\.plugin`)
	pomPackaged = lazy.Regexp(`<packaging>\s*(pom|war)\s*<`)
)

func recogniseJava(a *app) match {
	switch {
	case a.has("pom.xml"):
		return match{0.85, "pom.xml"}
	case a.first("build.gradle", "build.gradle.kts") != "":
		return match{0.85, a.first("build.gradle", "build.gradle.kts")}
	}
	return match{}
}

func planJava(a *app, p *Plan) error {
	maven := a.has("pom.xml")
	file := "pom.xml"
	if !maven {
		file = a.first("build.gradle", "build.gradle.kts")
	}
	text := a.text(file)
	said := append(a.tools("java"), saying{strings.TrimPrefix(a.word(".java-version"), "openjdk64-"), ".java-version"})
	for i := range said { // "temurin-21.0.2+13.0.LTS"
		said[i].text = digits().FindString(said[i].text)
	}
	pattern := pomJava
	if !maven {
		pattern = gradleJava
	}
	if m := pattern().FindStringSubmatch(text); m != nil {
		said = append(said, saying{strings.TrimPrefix(strings.ReplaceAll(m[1], "_", "."), "1."), file})
	}
	said = append(said, saying{a.property("system.properties", "java.runtime.version"), "system.properties"})
	var err error
	if p.Version, p.VersionFrom, err = a.version(javaVersions, said...); err != nil {
		return err
	}
	if kotlinUsed().MatchString(text) {
		p.Language = "Kotlin"
	}
	jars, err := a.javaBuild(p, file, text, maven)
	if err != nil {
		return err
	}
	p.Port, p.Packages = a.port(8080), sorted(slices.Clone(a.Packages))
	p.Install = a.InstallCommand
	start := "java -XX:MaxRAMPercentage=75 -jar /app/app.jar"
	if p.Framework == "Quarkus" {
		start = "java -XX:MaxRAMPercentage=75 -Dquarkus.http.host=0.0.0.0 -jar /app/quarkus-run.jar"
	}
	if err := a.processes(p, start, ""); err != nil {
		return err
	}
	a.javaImage(p, maven, jars)
	return nil
}

var digits = lazy.Regexp(`\d+(?:\.\d+)*`)

// property is a line of a Java properties file.
func (a *app) property(file, key string) string {
	for line := range strings.Lines(a.head(file, 16<<10)) {
		if k, v, ok := strings.Cut(line, "="); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// javaBuild finds the command that builds, and where its result is.
func (a *app) javaBuild(p *Plan, file, text string, maven bool) (result string, err error) {
	switch {
	case springBoot().MatchString(text):
		p.Framework = "Spring Boot"
	case quarkus().MatchString(text):
		p.Framework = "Quarkus"
	}
	if m := pomPackaged().FindStringSubmatch(text); m != nil && maven && a.BuildCommand == "" && p.Framework == "" {
		return "", fault.New(fault.NotBuildable, "pom.xml makes a %s, which does not start by itself: set the root directory to the module to deploy, or set the build and start commands.", m[1])
	}
	if p.Framework == "" && !shadow().MatchString(text) {
		a.say("%s names no plugin that puts all dependencies into one jar: without one, the jar starts only if it needs none.", file)
	}
	tool, out := "mvn", "target"
	switch {
	case maven && a.has("mvnw"):
		tool = "sh ./mvnw"
	case !maven:
		tool, out = "gradle", "build/libs"
		if a.has("gradlew") {
			tool = "sh ./gradlew"
		}
	}
	if strings.HasPrefix(tool, "sh ") {
		a.say("The wrapper of the source says which version of the build tool is used.")
	}
	switch {
	case maven:
		p.Build = tool + " --batch-mode -DskipTests package"
	case p.Framework == "Spring Boot":
		p.Build = tool + " --no-daemon bootJar"
	case p.Framework == "Quarkus":
		p.Build, out = tool+" --no-daemon quarkusBuild", "build"
	case shadow().MatchString(text):
		p.Build = tool + " --no-daemon shadowJar"
	default:
		p.Build = tool + " --no-daemon jar"
	}
	p.Build = a.compile(p.Build)
	if p.Framework == "Quarkus" {
		return out + "/quarkus-app", nil
	}
	return out, nil
}

func (a *app) javaImage(p *Plan, maven bool, result string) {
	s := a.script()
	jdk := "eclipse-temurin:" + p.Version + "-jdk-jammy"
	store := "/root/.gradle"
	switch {
	case maven:
		store = "/root/.m2"
		if !a.has("mvnw") {
			jdk = "maven:" + mavenLine + "-eclipse-temurin-" + p.Version
		}
	case !a.has("gradlew"):
		jdk = "gradle:" + gradleLine + "-jdk" + p.Version
		s.app.say("Without a wrapper, Gradle %s is used.", gradleLine)
	}
	s.from(jdk, "build")
	s.line("WORKDIR /src")
	if !maven {
		s.line("ENV GRADLE_USER_HOME=%s", store)
	}
	s.line("COPY . .")
	s.buildArgs()
	if p.Install != "" {
		s.userRun(p.Install, cache(store))
	}
	s.userRun(p.Build, cache(store))
	if p.Framework == "Quarkus" {
		s.run("install -d /out && cp -R " + result + "/. /out/")
	} else {
		s.run("install -d /out && find " + result + ` -maxdepth 1 -name "*.jar" ! -name "*-plain.jar" ! -name "*-sources.jar" ! -name "original-*.jar" -size +0 -printf "%s %p\n" | sort -rn | head -n 1 | cut -d " " -f 2- | xargs -I {} cp {} /out/app.jar && test -s /out/app.jar`)
	}
	s.from("eclipse-temurin:"+p.Version+"-jre-jammy", "")
	s.apt(p.Packages...)
	s.user(appDir)
	s.line("WORKDIR %s", appDir)
	s.copyApp("build", "/out", ".")
	switch p.Framework {
	case "Spring Boot":
		s.line("ENV SERVER_PORT=%d", p.Port)
	case "Quarkus":
		s.line("ENV QUARKUS_HTTP_PORT=%d", p.Port)
	}
	s.start(p)
	s.done(p)
}
