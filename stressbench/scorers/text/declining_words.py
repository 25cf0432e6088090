"""How answers decline, in each language: patterns over text in lower case with plain apostrophes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_TEXT: Final = (
    "(?:text|passage|document|article|context|story|list|information|note|notes|source|author|"
    "prompt|table|data|paragraph|excerpt|material|conversation|report|letter|record|log|it|this|"
    "that|they|which|there)s?"
)
_NOT: Final = "(?:does not|doesn't|did not|didn't|do not|don't|never)"
_HELD: Final = (
    "(?:mention|say|state|contain|provide|specify|include|give|list|name|reveal|indicate|tell|"
    "show|hold|offer|describe|disclose|record|identify|answer|discuss|refer|supply|appear|exist)"
    "(?:ed|s)?"
)
_DONE: Final = (
    "(?:mentioned|given|stated|provided|specified|available|present|included|listed|found|known|"
    "named|disclosed|revealed|identified|indicated|determined|answered|defined|recorded|shown|"
    "described|clear|contained|possible to (?:say|tell|know|determine|answer|find|identify))"
)
_BE: Final = "(?:is|are|was|were|be|been|has been|have been)"

SENTENCES: Final[Mapping[str, str]] = {
    "en": (
        r"\b(?:i|we) (?:(?:do not|don't|did not|didn't) (?:actually |really |currently )?"
        r"(?:know|have (?:any|the|that|this|enough|access|information|an answer|a |it)|see (?:any|a|it)|"
        r"find|recall|remember|possess)(?! (?:why you|how you|what you|a better|who else))"
        r"|(?:cannot|can't|can not|could not|couldn't|am unable to|was unable to|am not able to|"
        r"won't|will not) (?:currently |really |possibly )?"
        r"(?:find|determine|tell(?! a lie| you how)|say(?! enough)|answer|provide|give|identify|locate|confirm|"
        r"assist|share|infer|know|verify|be (?:sure|certain)|comply|access|disclose|see (?:a|any|the|it)|"
        r"recall|remember|establish|do that|help(?! but| falling))"
        r"|have no (?:idea|information|knowledge|answer|data|record|access|clue|way)|am not (?:sure|certain))\b"
        r"|\bi'm (?:not (?:sure|certain|able|aware)|unable|afraid (?:i|that|the)|sorry)\b|\bi am (?:sorry|afraid i)\b"
        rf"|\b(?:{_BE}|isn't|aren't|wasn't|weren't)(?: not)? (?:explicitly |directly |clearly |ever |"
        rf"specifically )?not (?:explicitly |directly |clearly |specifically |anywhere |ever )?{_DONE}\b"
        rf"|\b{_BE} not (?:explicitly |directly |clearly |specifically |actually |ever )?{_DONE}\b"
        rf"|\b(?:isn't|aren't|wasn't|weren't|hasn't been|haven't been|never|nowhere) "
        rf"(?:explicitly |directly |clearly |specifically )?{_DONE}\b"
        rf"|^(?:it |this |that |the answer |information )?(?:is )?not (?:explicitly |directly |clearly |specifically |"
        rf"anywhere )?{_DONE}\b"
        r"|\b(?:is|are|was|were|isn't|aren't|wasn't)(?: not)? (?:anywhere )?(?:not |n't )?(?<=not |n't )"
        r"(?:anywhere )?(?:in|within|part of) (?:the|this|that|your|any) (?:\w+ ){0,2}(?:text|passage|document|article|"
        r"context|story|list|information|source|prompt|table|data|paragraph|excerpt|material|"
        r"conversation|records?)s?\b"
        rf"|\b{_TEXT} (?:\w+ ){{0,4}}?{_NOT} (?:\w+ly |even |actually )?{_HELD}\b"
        r"|\bthere (?:is|was|are|were)(?:n't| not)? (?:simply |just )?(?:no|any|a|an|one|enough|none)\b"
        r"(?<=no|ny|.a|an|ne|gh)(?<!is a)(?<!was a)(?<!are a)(?<!is an)(?<!was an)(?<!is one)(?<!was one)"
        r"(?<!are any)(?<!is any)(?<!is enough)(?<!are enough)"
        r"(?! (?:doubt|question|need|problem|reason|way around|place like|other|better|longer|more|fewer|"
        r"less|two ways|shortage|lack|denying|wonder))"
        r"|(?:^|[.,;:!?] |\b(?:contains?|gives?|provides?|has|have|had|with|found|find|finds|see|makes|"
        r"includes?|holds?|offers?|and|but|there's) )no (?:\w+ ){0,2}?(?:information|mention|such|answer|record|indication|data|"
        r"details?|references?|entry|match|results?|codes?|values?)\b(?! is better)"
        r"|\b(?:cannot|can't|can not|could not|couldn't|not|impossible to) (?:be )?(?:conclusively |reliably )?"
        r"(?:determined?|inferred|answered|established|identified|known|found|deduced|enough (?:information|context|data))\b"
        r"|\b(?:unable|impossible|not possible|no way) to (?:determine|answer|find|say|tell|know|identify|locate|provide|"
        r"infer|verify|confirm|help|assist|comply)\b"
        r"|\b(?:insufficient|not enough|lack of) (?:information|context|data|evidence)\b"
        r"|\b(?:is|are|was|remains?|stays?|=|:) [\"']?(?:none|unknown|unspecified|undefined|unclear|undisclosed|"
        r"unavailable|unanswerable|n/a|missing|absent|nowhere)\b(?! other than| of your| but| pleasures| soldier)"
        r"|^unknown to \w+|^(?:none|neither) of (?:the|these|those|them)\b(?! (?:others|rest))|\bas an ai\b"
        r"|^(?:it's|that's) (?:not (?:in the|mentioned|given|stated|specified|clear)|unknown|unclear)"
        r"|\b(?:no one|nobody) (?:is (?:named|mentioned)\b|knows(?:$|[.,;]| (?:the|it|that|what|who|for)\b))"
        r"|\b(?:nothing|nowhere) in (?:the|this|that) (?:\w+ ){0,2}(?:text|passage|document|article|context|story|list|source)\b"
        r"|\bdoes(?:n't| not) seem to be (?:mentioned|in)\b|\bbeats me\b"
    ),
    "de": (
        r"\b(?:ich|wir) (?:wei\u00df|weiss|wissen|kann|k\u00f6nnen|konnte|habe|haben|finde)\b[^.!?]{0,80}?\b"
        r"(?:nicht(?! nur\b)|keine?n?|nichts)\b"
        r"|\b(?:text|dokument|artikel|abschnitt|auszug|geschichte|kontext|liste)\b[^.!?]{0,60}?\b(?:nicht|keine?n?r?|nirgends)\b"
        r"|\b(?:nicht|nirgends|nirgendwo) (?:im text |dort )?(?:erw\u00e4hnt|angegeben|genannt|bekannt|enthalten|"
        r"bestimmbar|ersichtlich|aufgef\u00fchrt|vorhanden|zu finden|gefunden|definiert|m\u00f6glich|beantwortbar|beantwortet|ermittelbar)\b"
        r"|\bes gibt (?:hier |dort |dazu |daf\u00fcr |im text )?(?:keine?n?|nichts)\b(?! zweifel| frage)"
        r"|\bsteht (?:\w+ ){0,3}?(?:nicht|nirgends|nichts)\b|\bgeht (?:\w+ ){0,3}?nicht hervor\b"
        r"|\bkeine (?:angaben?|informationen?|antwort|auskunft|ahnung|daten|erw\u00e4hnung)\b"
        r"|\b(?:ist|bleibt) (?:mir )?(?:unbekannt|unklar|nicht klar)\b|\btut mir leid, (?:aber )?ich kann\b"
    ),
    "fr": (
        r"\b(?:je|nous|on) (?:ne |n')(?:le |la |l'|les |vous )?(?:sais|savons|sait|peux|pouvons|peut|trouve|trouvons|connais|dispose|vois|suis|ai)\b"
        r"[^.!?]{0,40}?\b(?:pas|aucune?|rien)\b|\bje ne sais\b|\bje l'ignore\b"
        r"|\b(?:ne |n'(?:est |a )?)(?:\w+ ){0,2}?(?:pas|aucunement|nulle part) (?:\w+ ){0,2}?"
        r"(?:mentionn|pr\u00e9cis|indiqu|donn|sp\u00e9cifi|cit|connu|d\u00e9termin|fourni|disponible|trouv|possible de|pr\u00e9sent|dans le texte)"
        r"|\b(?:le|ce) (?:texte|document|passage|contexte)[^.!?]{0,40}? (?:ne |n')[^.!?]{0,40}?\b(?:pas|aucune?|rien)\b"
        r"|\bil n'y (?:en )?a (?:pas|aucune?|rien)\b(?! de doute| doute)|\bpas (?:mentionn|pr\u00e9cis\u00e9|indiqu\u00e9|sp\u00e9cifi\u00e9|assez d'information)"
        r"|\baucune (?:information|mention|r\u00e9ponse|donn\u00e9e|id\u00e9e)\b|\bimpossible (?:de|\u00e0) (?:d\u00e9terminer|r\u00e9pondre|dire|savoir)\b"
        r"|\bnon (?:mentionn|pr\u00e9cis|sp\u00e9cifi|indiqu)\w*"
    ),
    "es": (
        r"\bno (?:lo |la |te |le )?(?:s\u00e9|sabemos|puedo|podemos|encuentro|conozco|tengo|dispongo|hay (?:ninguna?|informaci|datos|suficiente|"
        r"menci|respuesta|un |una )|existe|consta|aparece|figura|est\u00e1 (?:en el|mencionad|indicad|especificad|disponible|clar)|"
        r"se (?:menciona|indica|especifica|dice|proporciona|puede|sabe|da|encuentra|conoce|nombra)|es posible (?:determinar|saber|responder)|"
        r"mencionad|especificad|indicad|disponible|(?:lo )?(?:menciona|dice|contiene|indica|especifica|proporciona))"
        r"|\bning(?:una|\u00fan) (?:informaci\u00f3n|menci\u00f3n|dato|respuesta|c\u00f3digo)\b|\b(?:es|son) desconocid|\bdesconozco\b|\bimposible (?:determinar|saber|de determinar)\b"
    ),
    "it": (
        r"\bnon (?:lo |la |ne |vi |\u00e8 |viene |\u00e8 stat[oa] )?(?:so|sappiamo|posso|possiamo|trovo|conosco|ho (?:informazioni|idea|trovato)|"
        r"menzionat|specificat|indicat|disponibil|presente|possibile|not[oa]\b|fornit|riportat|chiar|nel testo|c'\u00e8|"
        r"ci sono|(?:si )?(?:menziona|dice|contiene|specifica|indica|fornisce|riporta|sa\b|pu\u00f2))(?! (?:dubb|che dire))"
        r"|\bnessuna? (?:informazione|menzione|risposta|codice|dato|idea)\b|\b(?:\u00e8|sono) sconosciut|\bimpossibile (?:determinare|dire|stabilire|rispondere)\b"
    ),
    "pt": (
        r"\bn\u00e3o (?:o |a |te |lhe )?(?:sei|sabemos|posso|podemos|consigo|encontr(?:o|ei|ado)|conhe\u00e7o|tenho|h\u00e1|existe|consta|aparece|"
        r"est\u00e1 (?:no|na|mencionad|indicad|especificad|dispon\u00edve|clar)|\u00e9 (?:mencionad|poss\u00edvel|informad|especificad|dad|conhecid|citad)|"
        r"foi (?:mencionad|informad|especificad|encontrad)|se sabe|mencionad|especificad|informad|dispon\u00edvel|"
        r"(?:o )?(?:menciona|diz|cont\u00e9m|informa|especifica|indica|fornece|cita))(?! d\u00favida)"
        r"|\bnenhuma? (?:informa\u00e7\u00e3o|men\u00e7\u00e3o|resposta|c\u00f3digo|dado|ideia)\b|\bdesconhecid|\bimposs\u00edvel (?:determinar|saber|dizer)\b"
    ),
    "nl": (
        r"\b(?:ik|wij|we) (?:weet|weten|kan|kunnen|kon|heb|hebben|vind)\b[^.!?]{0,60}?\b(?:niet|geen|niets)\b"
        r"|\b(?:tekst|document|artikel|passage)\b[^.!?]{0,50}?\b(?:niet|geen|nergens)\b"
        r"|\b(?:niet|nergens) (?:in de tekst )?(?:vermeld|genoemd|gegeven|bekend|opgegeven|te vinden|gevonden|duidelijk|bepaald|beschikbaar|aanwezig|te bepalen)\b"
        r"|\b(?:er|daar) (?:is|zijn|staat) (?:hier |daar |in de tekst )?geen\b(?! twijfel)|\bgeen (?:informatie|vermelding|antwoord|idee|gegevens)\b|\b(?:is|blijft) onbekend\b"
    ),
    "pl": (
        r"\bnie (?:wiem|wiemy|mog\u0119|mo\u017cemy|potrafi\u0119|znalaz\u0142|znajduj\u0119|znam|mam|ma |jest (?:podan|wspomnian|znan|okre\u015blon|wymienion|mo\u017cliw|wiadom)|"
        r"zosta\u0142\w* (?:podan|wspomnian|okre\u015blon|wymienion)|podano|wspomniano|okre\u015blono|wspomina|podaje|zawiera|wymienia|m\u00f3wi|wiadomo|mo\u017cna|wyst\u0119puje|da si\u0119|istnieje)"
        r"|\bbrak (?:informacji|danych|odpowiedzi|wzmianki|takiego|kodu)\b|\bnieznan[yae]\b"
    ),
    "cs": (
        r"\b(?:nev\u00edm|nev\u00edme|nem\u016f\u017eu|nemohu|nem\u016f\u017eeme|nezn\u00e1m|nem\u00e1m|nena\u0161el|nelze|neuv\u00e1d\u00ed|nezmi\u0148uje|neobsahuje|ne\u0159\u00edk\u00e1)\b"
        r"|\bnen\u00ed (?:\w+ ){0,3}?(?:uveden|zm\u00edn\u011bn|zn\u00e1m|k dispozici|jasn\u00e9|mo\u017en\u00e9|v textu|obsa\u017een)|\bneuveden|\bnezn\u00e1m[\u00fd\u00e1\u00e9]\b"
        r"|\b(?:\u017e\u00e1dn[\u00e1\u00e9\u00fd] (?:informac|zm\u00ednk|k\u00f3d|odpov\u011b\u010f))"
    ),
    "sv": (
        r"\b(?:jag|vi) (?:vet|kan|hittar|kunde|har|k\u00e4nner)\b[^.!?]{0,50}?\b(?:inte|ingen|inget|inga|ikke)\b"
        r"|\btexten\b[^.!?]{0,50}?\b(?:inte|ingen|inget|inga|ikke)\b|\b(?:inte|ikke|ej) (?:n\u00e4mn|angiv|angett|ange|k\u00e4n[tn]|specificera|m\u00f6jlig|nevn|oppgitt|kjent|oplyst|n\u00e6vnt)"
        r"|\b(?:n\u00e4mns|st\u00e5r|framg\u00e5r|nevnes|n\u00e6vnes|anges|finns) (?:\w+ )?(?:inte|ikke)\b"
        r"|\bdet (?:finns|finnes|findes) (?:inte?|inge[nt]|inga|ikke|ing?en)\b|\b\u00e4r ok\u00e4n[td]\b"
    ),
    "ru": (
        r"\b(?:\u044f )?\u043d\u0435 (?:\u0437\u043d\u0430\u044e|\u0437\u043d\u0430\u0435\u043c|\u043c\u043e\u0433\u0443|\u043c\u043e\u0436\u0435\u043c|\u0441\u043c\u043e\u0433|\u043d\u0430\u0448|\u043d\u0430\u0439\u0434\u0435\u043d|\u0443\u043f\u043e\u043c\u0438\u043d\u0430|\u0443\u043f\u043e\u043c\u044f\u043d\u0443\u0442|\u0443\u043a\u0430\u0437\u0430\u043d|\u0443\u043a\u0430\u0437\u044b\u0432\u0430|\u0441\u043e\u0434\u0435\u0440\u0436\u0438\u0442|"
        r"\u0433\u043e\u0432\u043e\u0440\u0438\u0442\u0441\u044f|\u0441\u043a\u0430\u0437\u0430\u043d\u043e|\u043f\u0440\u0438\u0432\u043e\u0434\u0438\u0442|\u043f\u0440\u0438\u0432\u0435\u0434\u0435\u043d|\u0438\u0437\u0432\u0435\u0441\u0442\u043d|\u043e\u043f\u0440\u0435\u0434\u0435\u043b|\u0443\u0434\u0430\u043b\u043e\u0441\u044c|\u0438\u043c\u0435\u044e|\u043d\u0430\u0437\u0432\u0430\u043d|\u0443\u0442\u043e\u0447\u043d)"
        r"|\b\u043d\u0435\u0442 (?:\u0438\u043d\u0444\u043e\u0440\u043c\u0430\u0446|\u0434\u0430\u043d\u043d\u044b\u0445|\u043e\u0442\u0432\u0435\u0442\u0430|\u0443\u043f\u043e\u043c\u0438\u043d\u0430\u043d|\u0442\u0430\u043a\u043e|\u0441\u0432\u0435\u0434\u0435\u043d|\u043a\u043e\u0434\u0430)"
        r"|\b\u043d\u0435\u0438\u0437\u0432\u0435\u0441\u0442|\b\u043d\u0435\u0432\u043e\u0437\u043c\u043e\u0436\u043d\u043e (?:\u043e\u043f\u0440\u0435\u0434\u0435\u043b|\u0441\u043a\u0430\u0437\u0430|\u043e\u0442\u0432\u0435\u0442|\u0443\u0437\u043d)|\b\u043d\u0435\u043b\u044c\u0437\u044f (?:\u043e\u043f\u0440\u0435\u0434\u0435\u043b|\u0441\u043a\u0430\u0437\u0430)|\b\u043e\u0442\u0441\u0443\u0442\u0441\u0442\u0432\u0443(?:\u0435\u0442|\u044e\u0442)\b"
    ),
    "uk": (
        r"\b\u043d\u0435 (?:\u0437\u043d\u0430\u044e|\u0437\u043d\u0430\u0454\u043c\u043e|\u043c\u043e\u0436\u0443|\u043c\u043e\u0436\u0435\u043c\u043e|\u0437\u043c\u0456\u0433|\u0437\u043d\u0430\u0439|\u0437\u0433\u0430\u0434|\u0432\u043a\u0430\u0437|\u0437\u0430\u0437\u043d\u0430\u0447|\u043c\u0456\u0441\u0442\u0438\u0442\u044c|\u0432\u0456\u0434\u043e\u043c|\u0432\u0438\u0437\u043d\u0430\u0447|\u0441\u043a\u0430\u0437\u0430\u043d\u043e|\u043c\u0430\u044e|\u043d\u0430\u0432\u0435\u0434\u0435\u043d|\u0433\u043e\u0432\u043e\u0440\u0438\u0442\u044c\u0441\u044f)"
        r"|\b\u043d\u0435\u043c\u0430(?:\u0454)? (?:\u0456\u043d\u0444\u043e\u0440\u043c\u0430\u0446|\u0434\u0430\u043d\u0438\u0445|\u0432\u0456\u0434\u043f\u043e\u0432\u0456\u0434|\u0437\u0433\u0430\u0434|\u0442\u0430\u043a\u043e|\u043a\u043e\u0434\u0443)|\b\u043d\u0435\u0432\u0456\u0434\u043e\u043c|\b\u043d\u0435\u043c\u043e\u0436\u043b\u0438\u0432\u043e (?:\u0432\u0438\u0437\u043d\u0430\u0447|\u0441\u043a\u0430\u0437\u0430|\u0432\u0456\u0434\u043f\u043e\u0432)"
    ),
    "tr": (
        r"\b(?:bilmiyorum|bilmiyoruz|bilemiyorum|bulamad\u0131m|bulunamad\u0131|belirtilmemi\u015f(?:tir)?|belirtilmiyor|ge\u00e7miyor|bahsedilmiyor|bahsedilmemi\u015f\w*|s\u00f6ylenmiyor|"
        r"verilmemi\u015f\w*|bilinmiyor|yer alm\u0131yor|belirleyemiyorum|belirlenemez|belirlenemiyor|cevaplayamam|cevap veremem|yan\u0131tlayamam|mevcut de\u011fil|yard\u0131mc\u0131 olamam|belirsiz)\b"
        r"|\b(?:bilgi|bilgisi|cevap|kod|kodu|yan\u0131t|bahis) yok(?:tur)?\b"
    ),
    "el": (
        r"\b\u03b4\u03b5\u03bd (?:\u03c4\u03bf |\u03c4\u03b7\u03bd |\u03c4\u03bf\u03bd )?(?:\u03be\u03ad\u03c1\u03c9|\u03b3\u03bd\u03c9\u03c1\u03af\u03b6\u03c9|\u03bc\u03c0\u03bf\u03c1\u03ce|\u03bc\u03c0\u03bf\u03c1\u03b5\u03af|\u03b2\u03c1\u03af\u03c3\u03ba\u03c9|\u03b2\u03c1\u03ae\u03ba\u03b1|\u03b1\u03bd\u03b1\u03c6\u03ad\u03c1|\u03c5\u03c0\u03ac\u03c1\u03c7|\u03b4\u03af\u03bd\u03b5\u03c4\u03b1\u03b9|\u03c0\u03b5\u03c1\u03b9\u03ad\u03c7\u03b5\u03b9|\u03b3\u03af\u03bd\u03b5\u03c4\u03b1\u03b9|\u03b5\u03af\u03bd\u03b1\u03b9 \u03b3\u03bd\u03c9\u03c3\u03c4|\u03ba\u03b1\u03b8\u03bf\u03c1\u03af\u03b6|\u03ad\u03c7\u03c9|\u03bb\u03ad\u03b5\u03b9|\u03c0\u03c1\u03bf\u03c3\u03b4\u03b9\u03bf\u03c1)"
        r"|\b\u03ac\u03b3\u03bd\u03c9\u03c3\u03c4[\u03bf\u03b7]\b"
    ),
    "ar": (
        r"\u0644\u0627 (?:\u0623\u0639\u0631\u0641|\u0627\u0639\u0631\u0641|\u0623\u0639\u0644\u0645|\u0623\u062f\u0631\u064a|\u0623\u0633\u062a\u0637\u064a\u0639|\u064a\u0645\u0643\u0646|\u064a\u0645\u0643\u0646\u0646\u064a|\u064a\u0648\u062c\u062f|\u062a\u0648\u062c\u062f|\u064a\u0630\u0643\u0631|\u062a\u0630\u0643\u0631|\u064a\u062d\u062a\u0648\u064a|\u064a\u062d\u062f\u062f|\u064a\u062a\u0636\u0645\u0646|\u0623\u062c\u062f|\u064a\u0642\u062f\u0645)(?! \u0634\u0643)"
        r"|\u0644\u0645 (?:\u064a\u0630\u0643\u0631|\u062a\u0630\u0643\u0631|\u064a\u064f\u0630\u0643\u0631|\u064a\u062a\u0645 \u0630\u0643\u0631|\u064a\u0631\u062f|\u062a\u0631\u062f|\u0623\u062c\u062f|\u064a\u062d\u062f\u062f|\u0623\u062a\u0645\u0643\u0646)|\u063a\u064a\u0631 (?:\u0645\u0630\u0643\u0648\u0631|\u0645\u0639\u0631\u0648\u0641|\u0645\u062d\u062f\u062f|\u0645\u062a\u0648\u0641\u0631|\u0645\u0648\u062c\u0648\u062f|\u0645\u062a\u0627\u062d)|\u0644\u064a\u0633 (?:\u0645\u0630\u0643\u0648\u0631|\u0641\u064a \u0627\u0644\u0646\u0635|\u0644\u062f\u064a)|\u0644\u064a\u0633\u062a \u0645\u0630\u0643\u0648\u0631"
    ),
    "he": (
        r"(?:\u05d0\u05d9\u05e0\u05d9|\u05d0\u05e0\u05d9 \u05dc\u05d0|\u05d0\u05e0\u05d7\u05e0\u05d5 \u05dc\u05d0|\u05d0\u05d9\u05e0\u05e0\u05d9) (?:\u05d9\u05d5\u05d3\u05e2|\u05d9\u05db\u05d5\u05dc|\u05de\u05d5\u05e6\u05d0|\u05d9\u05d5\u05d3\u05e2\u05ea|\u05d9\u05db\u05d5\u05dc\u05d4|\u05d1\u05d8\u05d5\u05d7)|\u05dc\u05d0 (?:\u05de\u05d5\u05d6\u05db\u05e8|\u05e6\u05d5\u05d9\u05df|\u05de\u05e6\u05d5\u05d9\u05df|\u05e0\u05d9\u05ea\u05df|\u05d9\u05d3\u05d5\u05e2|\u05e0\u05de\u05e6\u05d0|\u05de\u05d5\u05e4\u05d9\u05e2|\u05d6\u05de\u05d9\u05df|\u05e0\u05d0\u05de\u05e8|\u05e7\u05d9\u05d9\u05dd)"
        r"|\u05d0\u05d9\u05e0\u05d5 (?:\u05de\u05d5\u05d6\u05db\u05e8|\u05de\u05e6\u05d9\u05d9\u05df|\u05de\u05d6\u05db\u05d9\u05e8|\u05de\u05d5\u05e4\u05d9\u05e2|\u05d9\u05d3\u05d5\u05e2|\u05de\u05db\u05d9\u05dc)|\u05d0\u05d9\u05df (?:\u05de\u05d9\u05d3\u05e2|\u05ea\u05e9\u05d5\u05d1\u05d4|\u05dc\u05d9|\u05d0\u05d6\u05db\u05d5\u05e8|\u05e7\u05d5\u05d3|\u05d1\u05d8\u05e7\u05e1\u05d8)"
    ),
    "fa": (
        r"(?:\u0646\u0645\u06cc ?\u062f\u0627\u0646\u0645|\u0646\u0645\u06cc ?\u062a\u0648\u0627\u0646\u0645|\u0646\u0645\u06cc ?\u062a\u0648\u0627\u0646|\u0630\u06a9\u0631 \u0646\u0634\u062f\u0647|\u0645\u0634\u062e\u0635 \u0646\u06cc\u0633\u062a|\u0646\u06cc\u0627\u0645\u062f\u0647|\u0648\u062c\u0648\u062f \u0646\u062f\u0627\u0631\u062f|\u0645\u0648\u062c\u0648\u062f \u0646\u06cc\u0633\u062a|\u0646\u0627\u0645\u0634\u062e\u0635|\u0646\u0627\u0645\u0639\u0644\u0648\u0645|\u0627\u0634\u0627\u0631\u0647 \u0646\u0634\u062f\u0647|\u0627\u0634\u0627\u0631\u0647 ?\u0627\u06cc \u0646\u0634\u062f\u0647|\u0645\u0639\u0644\u0648\u0645 \u0646\u06cc\u0633\u062a|\u06af\u0641\u062a\u0647 \u0646\u0634\u062f\u0647|\u067e\u06cc\u062f\u0627 \u0646\u06a9\u0631\u062f\u0645|\u0627\u0637\u0644\u0627\u0639\u06cc \u0646\u062f\u0627\u0631\u0645|\u0627\u0637\u0644\u0627\u0639\u0627\u062a\u06cc \u0646\u062f\u0627\u0631\u0645)"
    ),
    "hi": (
        r"(?:\u0928\u0939\u0940\u0902 (?:\u092a\u0924\u093e|\u091c\u093e\u0928\u0924|\u092e\u093e\u0932\u0942\u092e|\u092c\u0924\u093e|\u0926\u093f\u092f\u093e|\u0926\u0940 \u0917\u0908|\u0939\u0948 \u0915\u094b\u0908|\u092e\u093f\u0932|\u0915\u0939 \u0938\u0915|\u0915\u093f\u092f\u093e \u0917\u092f\u093e)|(?:\u0909\u0932\u094d\u0932\u0947\u0916|\u091c\u093e\u0928\u0915\u093e\u0930\u0940|\u091c\u093f\u0915\u094d\u0930|\u0909\u092a\u0932\u092c\u094d\u0927|\u0938\u094d\u092a\u0937\u094d\u091f|\u091c\u094d\u091e\u093e\u0924|\u092e\u094c\u091c\u0942\u0926) \u0928\u0939\u0940\u0902|\u0905\u091c\u094d\u091e\u093e\u0924|\u092a\u0924\u093e \u0928\u0939\u0940\u0902|\u092e\u093e\u0932\u0942\u092e \u0928\u0939\u0940\u0902)"
    ),
    "bn": (
        r"(?:\u099c\u09be\u09a8\u09bf \u09a8\u09be|\u099c\u09be\u09a8\u09be \u09a8\u09c7\u0987|\u0989\u09b2\u09cd\u09b2\u09c7\u0996 (?:\u09a8\u09c7\u0987|\u0995\u09b0\u09be \u09b9\u09af\u09bc\u09a8\u09bf|\u0995\u09b0\u09be \u09a8\u09c7\u0987)|\u0989\u09b2\u09cd\u09b2\u09c7\u0996\u09bf\u09a4 \u09a8\u09df|\u0989\u09b2\u09cd\u09b2\u09c7\u0996\u09bf\u09a4 \u09a8\u09af\u09bc|\u09a4\u09a5\u09cd\u09af \u09a8\u09c7\u0987|\u09ac\u09b2\u09be \u09b9\u09af\u09bc\u09a8\u09bf|\u09ac\u09b2\u09a4\u09c7 \u09aa\u09be\u09b0\u099b\u09bf \u09a8\u09be|\u09aa\u09be\u0993\u09af\u09bc\u09be \u09af\u09be\u09af\u09bc\u09a8\u09bf|\u0985\u099c\u09be\u09a8\u09be|\u09a8\u09bf\u09b0\u09cd\u09a7\u09be\u09b0\u09a3 \u0995\u09b0\u09be \u09b8\u09ae\u09cd\u09ad\u09ac \u09a8)"
    ),
    "th": (
        r"(?:\u0e44\u0e21\u0e48(?:\u0e17\u0e23\u0e32\u0e1a|\u0e23\u0e39\u0e49|\u0e44\u0e14\u0e49\u0e23\u0e30\u0e1a\u0e38|\u0e44\u0e14\u0e49\u0e01\u0e25\u0e48\u0e32\u0e27|\u0e21\u0e35\u0e02\u0e49\u0e2d\u0e21\u0e39\u0e25|\u0e1e\u0e1a|\u0e2a\u0e32\u0e21\u0e32\u0e23\u0e16|\u0e1b\u0e23\u0e32\u0e01\u0e0f|\u0e41\u0e19\u0e48\u0e43\u0e08|\u0e21\u0e35\u0e01\u0e32\u0e23(?:\u0e01\u0e25\u0e48\u0e32\u0e27|\u0e23\u0e30\u0e1a\u0e38)|\u0e21\u0e35\u0e23\u0e30\u0e1a\u0e38|\u0e21\u0e35\u0e04\u0e33\u0e15\u0e2d\u0e1a|\u0e21\u0e35\u0e43\u0e19))"
    ),
    "vi": (
        r"\b(?:kh\u00f4ng|ch\u01b0a) (?:bi\u1ebft|r\u00f5|th\u1ec3|\u0111\u01b0\u1ee3c (?:\u0111\u1ec1 c\u1eadp|n\u00eau|nh\u1eafc|cung c\u1ea5p|x\u00e1c \u0111\u1ecbnh|n\u00f3i)|\u0111\u1ec1 c\u1eadp|c\u00f3 (?:th\u00f4ng tin|trong|c\u00e2u tr\u1ea3 l\u1eddi|m\u00e3|d\u1eef li\u1ec7u)|t\u00ecm th\u1ea5y|nh\u1eafc|n\u00eau|x\u00e1c \u0111\u1ecbnh)\b"
    ),
    "id": (
        r"\b(?:tidak|belum) (?:tahu|diketahui|disebutkan|dapat|bisa|ada (?:informasi|dalam|di|jawaban|kode|data|penyebutan)|ditemukan|"
        r"dijelaskan|tersedia|dicantumkan|menyebutkan|mengetahui|tercantum|terdapat|menemukan|menyatakan|memiliki informasi|jelas|yakin)\b"
    ),
    "zh": (
        r"(?:\u4e0d(?:\u77e5\u9053|\u6e05\u695a|\u786e\u5b9a|\u78ba\u5b9a|\u660e\u786e|\u8be6|\u8a73)|\u6211?\u65e0\u6cd5(?:\u786e\u5b9a|\u56de\u7b54|\u5f97\u77e5|\u5224\u65ad|\u63d0\u4f9b|\u627e\u5230|\u83b7\u77e5|\u77e5\u9053|\u4ece)|\u7121\u6cd5(?:\u78ba\u5b9a|\u56de\u7b54|\u5f97\u77e5|\u5224\u65b7|\u63d0\u4f9b|\u627e\u5230)|(?:\u6ca1\u6709|\u6c92\u6709|\u672a|\u6ca1|\u5e76\u672a)(?:\u660e\u786e|\u660e\u78ba|\u5177\u4f53|\u76f4\u63a5)?(?:\u63d0\u5230|\u63d0\u53ca|\u8bf4\u660e|\u8aaa\u660e|\u7ed9\u51fa|\u7d66\u51fa|\u627e\u5230|\u63d0\u4f9b|\u5217\u51fa|\u76f8\u5173|\u76f8\u95dc|\u8fd9|\u8fd9\u4e2a|\u4fe1\u606f|\u8cc7\u8a0a|\u7b54\u6848|\u6307\u5b9a|\u8bb0\u8f7d|\u8bf4|\u77e5|\u5305\u542b)|\u4e0d\u5728(?:\u6587|\u539f\u6587|\u6587\u672c|\u6587\u4e2d)|\u4e0d\u5b58\u5728|\u65e0\u4ece\u5f97\u77e5|\u672a\u77e5)"
    ),
    "ja": (
        r"(?:(?:\u308f\u304b\u308a|\u5206\u304b\u308a|\u5224\u308a|\u77e5\u308a)\u307e\u305b\u3093|(?:\u308f\u304b\u3089|\u5206\u304b\u3089|\u77e5\u3089)\u306a\u3044|(?:\u8a18\u8f09|\u8a00\u53ca|\u8a18\u8ff0|\u660e\u8a18|\u60c5\u5831)(?:\u3055\u308c\u3066|\u3057\u3066|\u304c|\u306f)?(?:\u3044\u307e\u305b\u3093|\u3042\u308a\u307e\u305b\u3093|\u3044\u306a\u3044|\u306a\u3044|\u306a\u3057)|(?:\u66f8\u304b\u308c|\u8f09\u3063)\u3066(?:\u3044\u307e\u305b\u3093|\u3044\u306a\u3044)|\u4e0d\u660e|\u7279\u5b9a\u3067\u304d(?:\u307e\u305b\u3093|\u306a\u3044)|\u7b54\u3048(?:\u3089\u308c|\u308b\u3053\u3068\u304c\u3067\u304d)(?:\u307e\u305b\u3093|\u306a\u3044)|\u898b\u3064\u304b\u308a\u307e\u305b\u3093|\u542b\u307e\u308c\u3066(?:\u3044\u307e\u305b\u3093|\u3044\u306a\u3044)|\u5b58\u5728\u3057(?:\u307e\u305b\u3093|\u306a\u3044)|\u5224\u65ad\u3067\u304d(?:\u307e\u305b\u3093|\u306a\u3044))"
    ),
    "ko": (
        r"(?:\ubaa8\ub974(?:\uaca0|\uc9c0|\ub294)|\ubaa8\ub985\ub2c8\ub2e4|\uc54c \uc218 \uc5c6|\uc5b8\uae09(?:\ub418\uc5b4 \uc788\uc9c0 \uc54a|\ub418\uc9c0 \uc54a|\ub41c \ubc14 \uc5c6|\uc774 \uc5c6)|\ub098\uc640 \uc788\uc9c0 \uc54a|\ub098\uc624\uc9c0 \uc54a|\uba85\uc2dc\ub418(?:\uc5b4 \uc788)?\uc9c0 \uc54a|(?:\uc815\ubcf4|\ub2f5|\ub0b4\uc6a9)(?:\uac00|\uc774|\uc740|\ub294)? ?\uc5c6|\ud655\uc778\ud560 \uc218 \uc5c6|\ub2f5\ud560 \uc218 \uc5c6|\ub2f5\ubcc0\ud560 \uc218 \uc5c6|\ucc3e\uc744 \uc218 \uc5c6|\uc54c\ub824\uc838 \uc788\uc9c0 \uc54a|\uc54c \uc218\uac00 \uc5c6|\ubd88\uba85)"
    ),
}
"""For each language, what a sentence that declines has in it."""

SHORT: Final[Mapping[str, tuple[str, ...]]] = {
    "en": (
        "none",
        "nothing",
        "unknown",
        "no",
        "nope",
        "n/a",
        "na",
        "no answer",
        "no code",
        "no value",
        "no data",
        "no one",
        "nobody",
        "nowhere",
        "none given",
        "none found",
        "none mentioned",
        "none listed",
        "not there",
        "not applicable",
        "not available",
        "no such code",
        "no idea",
        "unanswerable",
        "unclear",
        "not sure",
        "null",
        "not enough information",
        "not in the text",
        "none stated",
        "none specified",
        "missing",
        "undefined",
    ),
    "de": (
        "keine",
        "keiner",
        "keines",
        "nichts",
        "unbekannt",
        "keine angabe",
        "nicht bekannt",
        "nicht im text",
    ),
    "fr": ("aucun", "aucune", "rien", "inconnu", "inconnue", "personne"),
    "es": ("ninguno", "ninguna", "nada", "desconocido", "desconocida", "nadie"),
    "it": ("nessuno", "nessuna", "niente", "nulla", "sconosciuto", "sconosciuta"),
    "pt": ("nenhum", "nenhuma", "nada", "desconhecido", "desconhecida", "ningu\u00e9m"),
    "nl": ("geen", "niets", "onbekend", "niemand"),
    "pl": ("brak", "\u017caden", "nic", "nieznany", "nieznane", "nikt"),
    "cs": ("\u017e\u00e1dn\u00fd", "\u017e\u00e1dn\u00e1", "nic", "nezn\u00e1m\u00fd", "nikdo"),
    "sv": ("ingen", "inget", "ok\u00e4nt", "ok\u00e4nd", "ukjent", "ukendt"),
    "ru": (
        "\u043d\u0435\u0442",
        "\u043d\u0438\u0447\u0435\u0433\u043e",
        "\u043d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u043d\u043e",
        "\u043d\u0435\u0442 \u0434\u0430\u043d\u043d\u044b\u0445",
    ),
    "uk": (
        "\u043d\u0456",
        "\u043d\u0456\u0447\u043e\u0433\u043e",
        "\u043d\u0435\u0432\u0456\u0434\u043e\u043c\u043e",
        "\u043d\u0435\u043c\u0430\u0454",
    ),
    "tr": ("yok", "hi\u00e7biri", "bilinmiyor", "hi\u00e7"),
    "el": (
        "\u03ba\u03b1\u03bd\u03ad\u03bd\u03b1",
        "\u03ba\u03b1\u03bd\u03ad\u03bd\u03b1\u03c2",
        "\u03c4\u03af\u03c0\u03bf\u03c4\u03b1",
        "\u03ac\u03b3\u03bd\u03c9\u03c3\u03c4\u03bf",
    ),
    "ar": (
        "\u0644\u0627 \u0634\u064a\u0621",
        "\u0644\u0627 \u064a\u0648\u062c\u062f",
        "\u0644\u0627 \u0623\u062d\u062f",
        "\u0645\u062c\u0647\u0648\u0644",
    ),
    "he": (
        "\u05d0\u05d9\u05df",
        "\u05db\u05dc\u05d5\u05dd",
        "\u05dc\u05d0 \u05d9\u05d3\u05d5\u05e2",
    ),
    "fa": (
        "\u0647\u06cc\u0686",
        "\u0647\u06cc\u0686\u06a9\u062f\u0627\u0645",
        "\u0646\u0627\u0645\u0634\u062e\u0635",
    ),
    "hi": (
        "\u0915\u094b\u0908 \u0928\u0939\u0940\u0902",
        "\u0915\u0941\u091b \u0928\u0939\u0940\u0902",
        "\u0905\u091c\u094d\u091e\u093e\u0924",
    ),
    "bn": (
        "\u0995\u09cb\u09a8\u09cb\u099f\u09bf\u0987 \u09a8\u09af\u09bc",
        "\u0995\u09bf\u099b\u09c1\u0987 \u09a8\u09be",
        "\u0985\u099c\u09be\u09a8\u09be",
    ),
    "th": ("\u0e44\u0e21\u0e48\u0e21\u0e35", "\u0e44\u0e21\u0e48\u0e17\u0e23\u0e32\u0e1a"),
    "vi": ("kh\u00f4ng c\u00f3", "kh\u00f4ng r\u00f5", "kh\u00f4ng bi\u1ebft"),
    "id": ("tidak ada", "tidak diketahui", "tidak tahu"),
    "zh": (
        "\u65e0",
        "\u7121",
        "\u6ca1\u6709",
        "\u6c92\u6709",
        "\u672a\u77e5",
        "\u4e0d\u8be6",
        "\u672a\u63d0\u53ca",
    ),
    "ja": (
        "\u306a\u3057",
        "\u4e0d\u660e",
        "\u3042\u308a\u307e\u305b\u3093",
        "\u7121\u3057",
        "\u8a72\u5f53\u306a\u3057",
    ),
    "ko": ("\uc5c6\uc74c", "\uc5c6\uc2b5\ub2c8\ub2e4", "\ubaa8\ub984", "\ud574\ub2f9 \uc5c6\uc74c"),
}
"""For each language, whole answers that decline."""
