package endpoint

import "strings"

// The English word lists. Each phrase is written as Words cuts it.
var (
	holdPhrases = set(`hold on,hang on,one moment,one moment please,just a moment,wait a moment,one second,one sec,just a second,
		just a sec,a minute,one minute,just a minute,give me a second,give me a minute,let me check,let me look,let me see,
		let me find it,let me get it,bear with me`)

	fillers = set(`um,uh,uhm,er,erm,hmm,mm,ah,well,like,you know,i mean,let's see,so like,kind of,sort of,how do you say`)

	digitWords = set(`zero,oh,one,two,three,four,five,six,seven,eight,nine`)

	spelled = set(`alpha,alfa,bravo,charlie,delta,echo,foxtrot,golf,hotel,india,juliet,kilo,lima,mike,november,oscar,papa,quebec,
		romeo,sierra,tango,uniform,victor,whiskey,yankee,zulu`)

	short = set(`yes,yeah,yep,yup,yes please,no,nope,no thanks,no thank you,nothing,nothing else,that's all,that's it,that's right,
		that is all,that is right,correct,right,exactly,sure,okay,ok,fine,thanks,thank you,thank you very much,bye,goodbye,bye bye,
		hello,hi,please,stop,never mind,i don't know,of course,absolutely,sounds good,perfect,great`)

	// open are words that hardly ever end a sentence: conjunctions,
	// prepositions, articles, possessives, auxiliaries and the words around
	// which an e-mail address is dictated.
	open = set(`and,or,but,because,so,if,when,while,although,though,unless,until,that,which,who,whether,then,than,as,
		the,a,an,my,your,his,her,our,their,its,this,these,those,some,any,every,
		to,of,in,on,at,for,from,with,without,about,by,into,between,after,before,around,under,over,near,
		is,are,am,was,were,be,been,i'm,it's,he's,she's,we're,they're,i'd,i'll,i've,we'd,we'll,
		can,could,would,should,will,may,might,must,do,does,did,have,has,had,
		want,need,like,wanna,gonna,very,really,also,maybe,i,we,not,dot,underscore,dash,hyphen,please may`)

	questionWords = set(`who,what,when,where,why,how,which,can,could,do,does,did,is,are,will,would,may,have,has`)

	// strandable are prepositions and auxiliaries that do end questions.
	strandable = set(`to,of,in,on,at,for,from,with,about,by,after,before,around,near,is,are,was,were,have,do,does,need,this,that,these,those,then`)
)

// set reads a comma-separated list.
func set(list string) map[string]struct{} {
	m := make(map[string]struct{})
	for phrase := range strings.SplitSeq(list, ",") {
		m[strings.TrimSpace(phrase)] = struct{}{}
	}
	return m
}
