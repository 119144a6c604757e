// Package dutysuite is what every conversation must pass, whoever hears, thinks
// and speaks in it: the duties that no provider may be trusted with. A question
// is answered truthfully outside the model, what must be said is heard to its
// end, the caller's raw words reach the observer also while the model is silent,
// secrets are heard by nobody, and the agent goes on when nobody was reached.
//
// The tests of pipeline and of pipeline/realtime call Run. It is for tests only.
package dutysuite
