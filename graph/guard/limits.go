package guard

import (
	"errors"
	"fmt"
	"reflect"
)

// Limits bound one document and one operation in it. Every field is required:
// a limit of 0 would refuse everything.
//
// "Expanded" means as executed: a fragment counts wherever it is spread.
// Fragments and Duplicates bound the validation of a document rather than its
// execution: validation compares in pairs what is selected under one response
// key. Under the default limits the worst document found took 20 ms, without
// these two 2 s.
type Limits struct {
	Bytes              int // of the document
	Tokens             int // of the document; comments count
	Depth              int // of nested fields, expanded, outside of introspection
	IntrospectionDepth int // of nested fields, expanded, from __schema or __type on
	Fields             int // expanded, of one operation
	Aliases            int // expanded, of one operation
	RootFields         int // different response keys at the root of one operation
	Repeats            int // times one root field is asked for under different aliases
	Fragments          int // defined and spread in the document, inline ones too
	Duplicates         int // fields written again in the same selection, in the document
	Directives         int // in the document
	InputDepth         int // of nested objects and lists, in variables and literals
	Cost               int // see Guard
}

// DefaultLimits let through GraphiQL's introspection query, which nests 15
// fields deep, and a dashboard of all that a page can nest, such as a page of
// 100 with pages of 20 and of 2 inside.
func DefaultLimits() Limits {
	return Limits{
		Bytes:              32 << 10,
		Tokens:             4000,
		Depth:              16,
		IntrospectionDepth: 16,
		Fields:             1500,
		Aliases:            100,
		RootFields:         20,
		Repeats:            5,
		Fragments:          200,
		Duplicates:         50,
		Directives:         100,
		InputDepth:         16,
		Cost:               50_000,
	}
}

func (l Limits) validate() error {
	var errs []error
	v := reflect.ValueOf(l)
	for i := range v.NumField() {
		if v.Field(i).Int() <= 0 {
			errs = append(errs, fmt.Errorf("guard: limit %s is not set", v.Type().Field(i).Name))
		}
	}
	return errors.Join(errs...)
}
