"""Names of people, and of the places where they are, by the words around them and a short list; no model reads them"""

# Given names that are common somewhere: Europe, the Americas, South and East Asia, the Arab countries, Africa. Names
# that are words at the start of a sentence too (Will, Mark, Grace, May, Rose, Frank) are left out.
GIVEN_NAMES = tuple(
    """
    James John Robert Michael William David Richard Joseph Thomas Charles Christopher Daniel Matthew Anthony
    Donald Steven Paul Andrew Joshua Kenneth Kevin Brian George Timothy Ronald Edward Jason Jeffrey Ryan Jacob
    Gary Nicholas Eric Jonathan Stephen Larry Justin Scott Brandon Benjamin Samuel Gregory Alexander Patrick
    Raymond Jack Dennis Jerry Tyler Aaron Jose Adam Nathan Henry Zachary Douglas Peter Kyle Noah Ethan Jeremy
    Walter Christian Keith Roger Terry Austin Sean Gerald Carl Harold Dylan Arthur Lawrence Jordan Jesse Bryan
    Billy Bruce Gabriel Joe Logan Alan Juan Albert Willie Elijah Wayne Randy Vincent Mason Roy Ralph Bobby Russell
    Bradley Philip Eugene Isaac Oliver Harry Leo Liam Lucas Mary Patricia Jennifer Linda Elizabeth Barbara Susan
    Jessica Karen Sarah Lisa Nancy Sandra Betty Ashley Emily Kimberly Margaret Donna Michelle Carol Amanda Melissa
    Deborah Stephanie Rebecca Sharon Laura Cynthia Dorothy Amy Kathleen Angela Shirley Emma Brenda Pamela Nicole
    Anna Samantha Katherine Christine Helen Debra Rachel Carolyn Janet Maria Catherine Heather Diane Olivia Julie
    Joyce Victoria Ruth Virginia Lauren Kelly Christina Joan Evelyn Judith Andrea Hannah Megan Cheryl Jacqueline
    Martha Madison Teresa Gloria Sara Janice Ann Kathryn Abigail Sophia Frances Jean Alice Judy Isabella Julia
    Denise Amber Doris Marilyn Danielle Beverly Charlotte Natalie Theresa Diana Brittany Kayla Alexis Lori Marie
    Jane Hans Klaus Jürgen Wolfgang Günter Stefan Andreas Markus Matthias Sebastian Florian Jonas Felix Lukas
    Maximilian Sabine Petra Monika Ursula Claudia Katrin Anke Heike Birgit Lena Sophie Lea Mia Johanna Katharina
    Franziska Ulrike Pierre Jacques Michel François Philippe Nicolas Laurent Olivier Julien Antoine Louis Hugo
    Camille Chloé Amélie Nathalie Isabelle Sylvie Céline Élodie Manon Marco Giuseppe Giovanni Antonio Francesco
    Luca Matteo Alessandro Lorenzo Davide Giulia Chiara Francesca Sofia Martina Elena Valentina Paola Carlos José
    Luis Miguel Manuel Javier Pedro Pablo Diego Fernando Alejandro Sergio Jorge Rafael Alberto Carmen Lucía Isabel
    Pilar Dolores Rosa Ana Marta Cristina Beatriz João Paulo Ricardo Rui Tiago Inês Mariana Fernanda Joana Lars
    Erik Anders Johan Nils Sven Magnus Olav Bjørn Kari Ingrid Astrid Freja Emil Mikkel Søren Mette Hanne Kirsten
    Karin Birgitta Kristina Aino Matti Juha Mikko Jan Piotr Krzysztof Andrzej Tomasz Paweł Michał Marcin Agnieszka
    Katarzyna Małgorzata Magdalena Joanna Zofia Jakub Jiří Tomáš Petr Lucie Tereza Milan Zoltán László István
    Gábor Ferenc Katalin Eszter Ivan Dmitri Sergei Vladimir Alexei Nikolai Mikhail Andrei Olga Svetlana Natalia
    Irina Tatiana Ekaterina Anastasia Yuri Igor Boris Oksana Bogdan Mihai Ion Ioana Georgi Dimitar Nikola Marko
    Jelena Dragan Luka Giorgos Dimitris Nikos Yannis Eleni Mehmet Mustafa Ahmet Ali Hasan Hüseyin Emre Ayşe Fatma
    Zeynep Elif Mohammed Muhammad Mohamed Ahmed Omar Ibrahim Khalid Hassan Hussein Yusuf Abdullah Fatima Aisha
    Layla Zainab Maryam Amina Noor Raj Rahul Amit Sanjay Vijay Arjun Rohan Anil Ravi Suresh Priya Anita Sunita
    Neha Pooja Anjali Lakshmi Divya Kavita Wei Ming Jun Li Xiu Mei Hiroshi Takashi Kenji Satoshi Yuki Haruto Akiko
    Yoko Sakura Nguyen Minh Linh Kwame Kofi Ama Chinedu Emeka Ngozi Amara Thabo Sipho Nia Tunde
    """.split()  # noqa: SIM905
)
_NAME = r"\p{Lu}[\p{L}'’-]+"
TITLED = (
    rf"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof|Rev|Sgt|Capt)\.? (?:\p{{Lu}}\.? )?{_NAME}"
    rf"|\b(?:Professor|Doctor|Sir|Dame|Lord|Herr|Frau|Monsieur|Madame|Señora?|Senator|President|Judge) {_NAME}"
)
# "My name is ...", "she was called ...", "Name: ..." at the start of a line, "..." said so-and-so.
SAID_HINTS = tuple(f"{mark} {verb} " for mark in '"”' for verb in ("said", "says", "asked", "replied"))
TOLD = (
    rf"\b(?:[Mm]y|[Hh]is|[Hh]er|[Tt]heir|[Ww]hose) (?:\w+ |\w+['’]s )?(?:sur)?name(?: is|['’]s|:)? {_NAME}"
    rf"|\b(?:[Cc]all me|[Pp]eople call me|(?:I am|I['’]m|was) (?:called|named)) {_NAME}"
    r"|(?:^|\n)[> ]*(?i:(?:(?:full|first|last|patient|customer|user) )?name|patient|attn|billing address):"
    rf"[ \t]*{_NAME}"
    rf"|[\"”] (?:said|says|asked|replied) {_NAME}"
)
FULL = rf"\b(?:{'|'.join(GIVEN_NAMES)})(?: \p{{Lu}}\.?)? (?:(?:de|da|van|von|der|la|al|bin) )*{_NAME}"
PERSON = f"{TITLED}|{TOLD}|{FULL}"
# A text without one of these has nothing of TOLD or FULL.
TOLD_HINTS = (
    "name",
    "NAME",
    "Name",
    "all me",
    "called ",
    "atient",
    "ATIENT",
    "ttn",
    "TTN",
    *SAID_HINTS,
    "ddress",
    "DDRESS",
)
FULL_HINTS = tuple(f"{name} " for name in GIVEN_NAMES)
# A second word that makes a street, a firm or a place of the first.
NO_PERSON = (
    r"\b\p{Lu}[\p{L}'’-]+ (?:Street|Road|Avenue|Lane|Bridge|Square|Park|Falls|Island|River|Lake|Bay|Beach|Tree|Union"
    r"|University|College|School|Hospital|Hotel|Airport|Inc|Ltd|LLC|GmbH|Group|Investments|Company|Airlines|Bank|Day|Prize|Cup)\b"
)

_ROAD = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Boulevard|Blvd|Court|Square|Close|Terrace|Crescent|Highway|Parkway"
    r"|Turnpike|Mews)"
)
_COMPOUND = r"(?:straße|strasse|str\.|weg|gasse|gatan|gata|vej|veien|straat|laan|katu|tie|utca)"
# Numbers of houses and flats, of boxes and post codes. All of them have digits.
ADDRESS = (
    rf"\b[0-9]{{1,5}},? (?:[NSEW]\.? )?(?:(?:{_NAME}|[0-9]+(?:st|nd|rd|th))\.? ){{1,3}}{_ROAD}\b"
    r"|\b(?:Apt|Apartment|Suite|Ste|Unit|Flat|P\.? ?O\.? Box)\.? #?[0-9]+"
    rf"|\b\p{{Lu}}\p{{L}}+{_COMPOUND} [0-9]+"
    r"|\b(?:ul\.|[Rr]ue|[Vv]ia|[Cc]alle|[Aa]venida|[Rr]ua|[Pp]laza|[Pp]iazza)"
    r"(?: (?:de|du|da|do|del|della|la|los|las|des))* \p{Lu}\p{L}+,? [0-9]+"
)
POST_CODE = (
    r"\b\p{Lu}\p{L}+,? [A-Z]{2},? \d{5}(?:-\d{4})?\b|\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[AF]PO,? A[AEP] \d{5}\b"
)
# A part of each thing in ADDRESS, and of POST_CODE a form that needs no look at what is around it.
ADDRESS_HINTS = (
    *("Street", " St", "Ave", "Road", " Rd", "Lane", " Ln", "Drive", "Boulevard", "Blvd", "Court", "Square", "Close"),
    *("Terrace", "Crescent", "Highway", "Parkway", "Turnpike", "Mews", "Apt", "Apartment", "Suite", "Ste", "Unit"),
    *("Flat", "Box", "straße", "strasse", "str.", "weg ", "gasse ", "gatan ", "gata ", "vej ", "veien ", "straat "),
    *("laan ", "katu ", "tie ", "utca", "ul.", "ue de", "Rue ", "rue ", "Via ", "via ", "Calle ", "calle ", "venida "),
    *("Rua ", "rua ", "Plaza ", "plaza ", "Piazza ", "piazza "),
)
POST_CODE_FORM = r"[A-Z]{2},? [0-9]{5}|[0-9][A-Z0-9]? [0-9][A-Z]{2}|PO,? A[AEP] "

# Where somebody lives, comes from, moved to or works.
_WHERE = (
    r"(?:[Ll]iv(?:e|es|ed|ing)|[Rr]esid(?:e|es|ed|ing)|[Bb]orn|[Gg]rew up|[Rr]aised|[Ss]ettled|[Bb]ased|[Ll]ocated"
    r"|(?:[Oo]ffices?|[Hh]ome|[Hh]ouse|[Aa]partment|[Hh]eadquarters) (?:is|are)|[Mm]eet(?: me| you| us)?)"
    r" (?:at|in|near)"
    r"|(?:[Mm]oved|[Rr]elocated|[Ee]migrated) (?:here |back )?(?:to|from)"
    r"|(?:I am|I['’]m|[Hh]e is|[Hh]e['’]s|[Ww]e are|[Tt]hey are|[Cc]omes?|[Cc]ame|[Oo]riginally) from"
    r"|[Aa]ddress(?: is|:)"
)
PLACE = rf"(?:{_WHERE})\s(?:the )?(?:[0-9][0-9 ]*)?{_NAME}"
