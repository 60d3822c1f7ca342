package site

import (
	"path"
	"strings"

	"github.com/davitdev/davit/internal/lazy"
)

// kind is what is known of files by their extension.
type kind struct {
	mime         string
	compressible bool
}

// fallbackType is for everything unknown: with nosniff a browser downloads it.
const fallbackType = "application/octet-stream"

// types is the same on every machine, unlike its mime.types.
var types = map[string]kind{
	".html": {"text/html; charset=utf-8", true}, ".htm": {"text/html; charset=utf-8", true}, ".xhtml": {"application/xhtml+xml", true},
	".css": {"text/css; charset=utf-8", true}, ".csv": {"text/csv; charset=utf-8", true}, ".txt": {"text/plain; charset=utf-8", true},
	".md": {"text/markdown; charset=utf-8", true}, ".ics": {"text/calendar; charset=utf-8", true}, ".vtt": {"text/vtt; charset=utf-8", true},
	".js": {"text/javascript; charset=utf-8", true}, ".mjs": {"text/javascript; charset=utf-8", true}, ".cjs": {"text/javascript; charset=utf-8", true},
	".json": {"application/json", true}, ".map": {"application/json", true}, ".jsonld": {"application/ld+json", true},
	".geojson": {"application/geo+json", true}, ".webmanifest": {"application/manifest+json", true}, ".ndjson": {"application/x-ndjson", true},
	".xml": {"application/xml", true}, ".rss": {"application/rss+xml", true}, ".atom": {"application/atom+xml", true}, ".xsl": {"application/xslt+xml", true},
	".yaml": {"application/yaml", true}, ".yml": {"application/yaml", true}, ".toml": {"application/toml", true},
	".wasm": {"application/wasm", true}, ".pdf": {"application/pdf", false}, ".rtf": {"application/rtf", true},
	".svg": {"image/svg+xml", true}, ".png": {"image/png", false}, ".apng": {"image/apng", false}, ".jpg": {"image/jpeg", false}, ".jpeg": {"image/jpeg", false},
	".gif": {"image/gif", false}, ".webp": {"image/webp", false}, ".avif": {"image/avif", false}, ".jxl": {"image/jxl", false}, ".heic": {"image/heic", false},
	".ico": {"image/vnd.microsoft.icon", true}, ".bmp": {"image/bmp", true}, ".tif": {"image/tiff", false}, ".tiff": {"image/tiff", false},
	".woff": {"font/woff", false}, ".woff2": {"font/woff2", false}, ".ttf": {"font/ttf", true}, ".otf": {"font/otf", true}, ".eot": {"application/vnd.ms-fontobject", true},
	".mp3": {"audio/mpeg", false}, ".m4a": {"audio/mp4", false}, ".aac": {"audio/aac", false}, ".ogg": {"audio/ogg", false}, ".oga": {"audio/ogg", false},
	".opus": {"audio/ogg", false}, ".wav": {"audio/wav", false}, ".flac": {"audio/flac", false}, ".weba": {"audio/webm", false}, ".mid": {"audio/midi", true},
	".mp4": {"video/mp4", false}, ".m4v": {"video/mp4", false}, ".webm": {"video/webm", false}, ".ogv": {"video/ogg", false}, ".mov": {"video/quicktime", false},
	".avi": {"video/x-msvideo", false}, ".m3u8": {"application/vnd.apple.mpegurl", true}, ".ts": {"video/mp2t", false}, ".mpd": {"application/dash+xml", true},
	".zip": {"application/zip", false}, ".gz": {"application/gzip", false}, ".tgz": {"application/gzip", false}, ".br": {fallbackType, false}, ".bz2": {"application/x-bzip2", false},
	".xz": {"application/x-xz", false}, ".zst": {"application/zstd", false}, ".7z": {"application/x-7z-compressed", false}, ".tar": {"application/x-tar", false},
	".epub": {"application/epub+zip", false}, ".gltf": {"model/gltf+json", true}, ".glb": {"model/gltf-binary", true}, ".usdz": {"model/vnd.usdz+zip", false},
}

func mimeOf(name string) string {
	if k := types[strings.ToLower(path.Ext(name))]; k.mime != "" {
		return k.mime
	}
	return fallbackType
}

// isPage reports whether a file is what people navigate to.
func isPage(name string) bool {
	mime, _, _ := strings.Cut(mimeOf(name), ";")
	return mime == "text/html" || mime == "application/xhtml+xml"
}

// What caches may do with the answers of a site.
const (
	cachePage  = "no-cache" // kept, and asked about by its ETag every time
	cacheFile  = "public, max-age=300"
	cacheNamed = "public, max-age=31536000, immutable"
)

func cacheOf(name string) string {
	switch {
	case isPage(name):
		return cachePage
	case hashed(name):
		return cacheNamed
	default:
		return cacheFile
	}
}

var (
	// built are directories in which generators put nothing but files that are
	// named by their content.
	built = lazy.Regexp(`(^|/)(_astro|_next/static|_app/immutable|_nuxt)/`)
	// output are those in which most are.
	output = lazy.Regexp(`(^|/)(assets|static|chunks|bundles|dist|build|js|css|media)/`)
	token  = lazy.Regexp(`^.*[.\-_]([A-Za-z0-9_-]{8,64})$|^([0-9a-f]{16,64})$`)
	words  = lazy.Regexp(`^([A-Z]?[a-z]+|[A-Z]+)*[0-9]*$`)
	pieces = lazy.Regexp(`[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[_-]`)
	hexSum = lazy.Regexp(`^[0-9a-f]{8,64}$`)
)

// hashed reports whether the name of a file has a hash of its content of at
// least eight characters, as bundlers write it: index-B4yq2Zc1.js,
// main.3f5ac9b1.css. What could be words or a date is none, since a browser
// would not ask for the file again for a year.
func hashed(name string) bool {
	base := path.Base(name)
	for range 2 { // index-B4yq2Zc1.js.map
		if ext := path.Ext(base); ext != "" && len(ext) <= 6 {
			base = strings.TrimSuffix(base, ext)
		}
		if i := strings.LastIndexAny(base, ".-"); i >= 0 && looksHashed(name, base[i+1:]) {
			return true
		}
		// The alphabet of base64url has "-" and "_" too.
		if m := token().FindStringSubmatch(base); m != nil {
			if len(base) > 8 && strings.ContainsAny(base[len(base)-9:len(base)-8], ".-") && looksHashed(name, base[len(base)-8:]) {
				return true
			}
			if m[2] != "" && looksHashed(name, m[2]) {
				return true
			}
		}
	}
	return false
}

func looksHashed(name, t string) bool {
	if len(t) < 8 || len(t) > 64 || words().MatchString(t) && !built().MatchString(name) {
		return false
	}
	if hexSum().MatchString(t) {
		return strings.ContainsAny(t, "0123456789") && strings.ContainsAny(t, "abcdef") && len(pieces().FindAllString(t, -1)) >= 3
	}
	switch {
	case built().MatchString(name):
		return true
	case output().MatchString(name):
		return len(t) == 8
	default:
		return 2*len(pieces().FindAllString(t, -1)) >= len(t)
	}
}
