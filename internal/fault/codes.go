package fault

import (
	"maps"
	"net/http"
	"slices"
)

// Code is a stable, machine-readable failure. Codes are part of the public
// API: clients switch on them, so values are never renamed or reused.
type Code string

// Class groups codes that a client treats alike.
type Class string

// The classes.
const (
	ClassInput    Class = "INPUT"    // the request can never succeed as sent
	ClassAuth     Class = "AUTH"     // no valid session or token
	ClassAccess   Class = "ACCESS"   // known caller, missing permission
	ClassMissing  Class = "MISSING"  // absent, or hidden from this caller
	ClassConflict Class = "CONFLICT" // valid, but not in the present state
	ClassLimit    Class = "LIMIT"    // too much, too large or too often
	ClassApp      Class = "APP"      // the user's application or build failed
	ClassOutage   Class = "OUTAGE"   // something needed is away; trying again may work
	ClassBug      Class = "BUG"      // ours
)

// Domain says whose fault a failure is.
type Domain string

// The domains.
const (
	User     Domain = "USER"     // the user's code or settings; never retried
	Platform Domain = "PLATFORM" // Davit or its machine; retried with backoff
	Upstream Domain = "UPSTREAM" // a registry, a git host; retried with backoff
)

// The closed list of codes.
const (
	// The request itself.
	Invalid            Code = "INVALID"                   // an input value is malformed
	BadRequest         Code = "BAD_REQUEST"               // not a GraphQL request at all
	GraphQLParse       Code = "GRAPHQL_PARSE_FAILED"      // the document does not parse
	GraphQLValidation  Code = "GRAPHQL_VALIDATION_FAILED" // the document does not fit the schema
	QueryTooComplex    Code = "QUERY_TOO_COMPLEX"         // over a limit of tokens, depth, aliases, cost or bytes of the answer
	RequestTooLarge    Code = "REQUEST_TOO_LARGE"         // the body is over its limit
	UnsupportedMedia   Code = "UNSUPPORTED_MEDIA_TYPE"
	NotAcceptable      Code = "NOT_ACCEPTABLE"
	MethodNotAllowed   Code = "METHOD_NOT_ALLOWED"
	TooManyRequests    Code = "TOO_MANY_REQUESTS"
	NameInvalid        Code = "NAME_INVALID"        // a name or slug breaks the naming rule
	CursorInvalid      Code = "CURSOR_INVALID"      // a cursor we did not make, or not for this list
	ConfirmationFailed Code = "CONFIRMATION_FAILED" // the typed name differs from the object's

	// Who is asking.
	Unauthenticated Code = "UNAUTHENTICATED"
	Forbidden       Code = "FORBIDDEN"

	// What is there.
	NotFound             Code = "NOT_FOUND"
	NameTaken            Code = "NAME_TAKEN"
	Conflict             Code = "CONFLICT"
	VersionConflict      Code = "VERSION_CONFLICT"       // expectedVersion is not the present version
	AlreadyLive          Code = "ALREADY_LIVE"           // canceled after the switch
	IdempotencyKeyReused Code = "IDEMPOTENCY_KEY_REUSED" // same key, another request
	ImageNotKept         Code = "IMAGE_NOT_KEPT"         // a rollback to an image that was cleaned up
	QuotaExceeded        Code = "QUOTA_EXCEEDED"

	// Getting the source and the image.
	ImageNotFound     Code = "IMAGE_NOT_FOUND"
	ImageUnauthorized Code = "IMAGE_UNAUTHORIZED"
	ImageUnsupported  Code = "IMAGE_UNSUPPORTED" // another platform, or nothing to run in it
	RegistryAway      Code = "REGISTRY_UNAVAILABLE"
	UploadInvalid     Code = "UPLOAD_INVALID" // hostile, broken or not the announced archive
	UploadExpired     Code = "UPLOAD_EXPIRED"
	SourceMissing     Code = "SOURCE_MISSING" // a service without anything to deploy
	NotBuildable      Code = "NOT_BUILDABLE"  // nothing we know how to build
	DockerfileInvalid Code = "DOCKERFILE_INVALID"
	SourceForbidden   Code = "SOURCE_FORBIDDEN" // a source that may not be reached from here
	SourceInvalid     Code = "SOURCE_INVALID"   // a repository with what is no source

	RepositoryNotFound     Code = "REPOSITORY_NOT_FOUND"
	RepositoryUnauthorized Code = "REPOSITORY_UNAUTHORIZED"
	RepositoryAway         Code = "REPOSITORY_UNAVAILABLE"
	RefNotFound            Code = "REF_NOT_FOUND" // no such branch, tag or commit
	BuildFailed            Code = "BUILD_FAILED"
	BuildTimeout           Code = "BUILD_TIMEOUT"

	// Starting the application.
	PreDeployFailed  Code = "PRE_DEPLOY_FAILED" // the command that runs before the switch
	CommandFailed    Code = "COMMAND_FAILED"    // a command somebody ran
	AppExited        Code = "APP_EXITED"
	AppOutOfMemory   Code = "APP_OUT_OF_MEMORY"
	AppNotListening  Code = "APP_NOT_LISTENING"
	AppUnhealthy     Code = "APP_UNHEALTHY"
	AppCannotStart   Code = "APP_CANNOT_START" // command not found, not executable
	DeadlineExceeded Code = "DEADLINE_EXCEEDED"
	Canceled         Code = "CANCELED"
	Superseded       Code = "SUPERSEDED"

	// What we depend on.
	RunnerAway  Code = "RUNNER_UNAVAILABLE"
	StoreAway   Code = "STORE_UNAVAILABLE"
	Unavailable Code = "UNAVAILABLE"
	DiskFull    Code = "DISK_FULL"
	PortInUse   Code = "PORT_IN_USE"
	Internal    Code = "INTERNAL"
)

// Info is everything that follows from a code.
type Info struct {
	Class     Class
	Status    int    // of HTTP
	Exit      int    // status of a client command, by class
	Retryable bool   // the same request may succeed later
	Domain    Domain // whose fault it is when a deployment ends with it
}

// Exit statuses of client commands, by class; 2 is cobra's for a wrong usage.
const (
	ExitFailure  = 1 // a bug, or nobody classified it
	ExitInput    = 3
	ExitAuth     = 4
	ExitMissing  = 5
	ExitConflict = 6
	ExitLimit    = 7
	ExitApp      = 8
	ExitOutage   = 9
)

var (
	input    = Info{ClassInput, http.StatusBadRequest, ExitInput, false, User}
	conflict = Info{ClassConflict, http.StatusConflict, ExitConflict, false, User}
	limit    = Info{ClassLimit, http.StatusTooManyRequests, ExitLimit, false, User}
	app      = Info{ClassApp, http.StatusUnprocessableEntity, ExitApp, false, User}
	outage   = Info{ClassOutage, http.StatusServiceUnavailable, ExitOutage, true, Platform}
	upstream = Info{ClassOutage, http.StatusBadGateway, ExitOutage, true, Upstream}
)

func (i Info) status(s int) Info { i.Status = s; return i }

var codes = map[Code]Info{
	Invalid: input, BadRequest: input, GraphQLParse: input, GraphQLValidation: input,
	QueryTooComplex: input, NameInvalid: input, CursorInvalid: input, ConfirmationFailed: input,
	RequestTooLarge:  limit.status(http.StatusRequestEntityTooLarge),
	UnsupportedMedia: input.status(http.StatusUnsupportedMediaType),
	NotAcceptable:    input.status(http.StatusNotAcceptable),
	MethodNotAllowed: input.status(http.StatusMethodNotAllowed),
	TooManyRequests:  {ClassLimit, http.StatusTooManyRequests, ExitLimit, true, User},

	Unauthenticated: {ClassAuth, http.StatusUnauthorized, ExitAuth, false, User},
	Forbidden:       {ClassAccess, http.StatusForbidden, ExitAuth, false, User},

	NotFound:  {ClassMissing, http.StatusNotFound, ExitMissing, false, User},
	NameTaken: conflict, Conflict: conflict, VersionConflict: conflict, AlreadyLive: conflict,
	IdempotencyKeyReused: conflict, ImageNotKept: conflict,
	QuotaExceeded: limit,

	ImageNotFound: app, ImageUnauthorized: app, ImageUnsupported: app,
	RegistryAway:  upstream,
	UploadInvalid: input, UploadExpired: conflict, SourceMissing: conflict,
	RepositoryNotFound: app, RepositoryUnauthorized: app, RefNotFound: app, SourceInvalid: app,
	RepositoryAway: upstream,
	NotBuildable:   app, DockerfileInvalid: app, SourceForbidden: app, BuildFailed: app, BuildTimeout: app,

	PreDeployFailed: app, CommandFailed: app, AppExited: app, AppOutOfMemory: app, AppNotListening: app, AppUnhealthy: app, AppCannotStart: app,
	DeadlineExceeded: {ClassOutage, http.StatusGatewayTimeout, ExitOutage, true, Platform},
	Canceled:         conflict, Superseded: conflict,

	RunnerAway: outage, StoreAway: outage, Unavailable: outage,
	DiskFull:  outage.status(http.StatusInsufficientStorage),
	PortInUse: {ClassOutage, http.StatusServiceUnavailable, ExitOutage, false, Platform},
	Internal:  {ClassBug, http.StatusInternalServerError, ExitFailure, true, Platform},
}

// Info returns what follows from c; an unknown code counts as Internal.
func (c Code) Info() Info {
	if i, ok := codes[c]; ok {
		return i
	}
	return codes[Internal]
}

// Codes returns the closed list in alphabetical order.
func Codes() []Code { return slices.Sorted(maps.Keys(codes)) }
