"""Words that cleaning knows, in the languages of its users; data only, folded: no case, no accents."""

from typing import Final

from gateway.core.clean.fold import fold


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(text).split())


# Between the parts of a name; they go with them, never alone.
PARTICLES: Final = _words(
    """
    von vom zu zum zur van der den de del della delle dei degli di da do das dos du des la le las los lo el al bin
    ibn ben bint abu abd und and y e i af av ter ten te op st san santa mac mc фон де оглы кызы του της των αλ ال بن
    ابن بنت ابو عبد
    """
)
# Before or after a name.
TITLES: Final = _words(
    """
    dr drs dres doktor doctor prof pr professor professeur mr mrs ms miss mister frau herr herrn hr fr mme mlle
    monsieur madame mademoiselle sr sra srta senor senora don dona dott dottore dottoressa dottssa drssa sig signor
    signora signore dhr mevr mevrouw meneer mw dra enf doutor doutora senhor senhora pd priv doz univ sir доктор
    врач проф профессор пан господин госпожа гражданин δρ κος κα κυριος κυρια καθ καθηγητης دكتور الدكتور دكتورة
    الدكتورة السيد السيدة الاستاذ
    """
)
# Follow a title, an academic degree or a name.
SUFFIXES: Final = _words(
    """
    med dent phil habil rer nat vet jr junior senior ii iii iv md phd mba ssa ra frcr facr esq msc bsc rn rt
    """
)
# Titles that are also terms of imaging: they count only as "Mr" or "DR.".
SHOUTED: Final = _words(
    """
    pr mr ms dr sr fr hr pd sig don
    """
)
NAME_LABELS: Final = _words(
    """
    name names nachname vorname familienname geburtsname patientenname patientname surname lastname firstname nom
    prenom nombre nombres apellido apellidos nome cognome naam achternaam voornaam sobrenome apelido имя фамилия фио
    отчество ονομα επωνυμο ονοματεπωνυμο الاسم اسم
    """
)
# Behind these and a colon stands a person in capitals: who was examined, who did it, who asked for it.
PERSON_LABELS: Final = _words(
    """
    patient patientin patienten pat pt paciente paziente patiente physician doctor arzt ärztin untersucher
    überweiser zuweiser referrer referring radiologist radiologe radiologue radiologo technologist technician
    operator mta mtra medecin medico operador arts verwijzer laborant пациент пациентка врач рентгенолог ασθενης
    ιατρος المريض الطبيب by signed contact kontakt requested requester
    """
)
# What has a name that names nobody: "protocol name: ...".
THINGS: Final = _words(
    """
    protocol sequence series study file coil scan roi plan program programm exam procedure device model product drug
    brand code template protokoll serien sequenz serie studie datei folder software host beam structure
    """
)
# First words of what announces the number of a record, a telephone, a year of birth, and parts of network addresses.
RECORD_WORDS: Final = _words(
    """
    mrn hmrn umrn pid patid patnr pat patient patienten patientin patients id acc accession case fall fallnr
    fallnummer fallid fallzahl auftrag auftragsnr auftragsnummer auftragsid order visit encounter record chart
    episode hospital hosp exam request admission insurance policy serial ssn nhs kvnr svnr vsnr ahv bsn
    burgerservicenummer patientnummer onderzoeksnummer dni nif nie cpf cns nhc nuhsa cip ipp nip iep nda codice
    dossier cartella historia prontuario processo utente numero медкарта карта история и иб полис снилс αμκα αρ
    αριθμοσ αμ رقم
    """
)
TELEPHONE_WORDS: Final = _words(
    """
    tel telefon telephone telefono telefoon telefone phone ph fax mobile mobil handy cell cellulare movil portable
    gsm pager pieper durchwahl dw ext тел телефон факс моб τηλ τηλεφωνο κιν هاتف جوال
    """
)
BIRTH_WORDS: Final = _words(
    """
    dob geb geboren geburtsdatum geburtsjahr gebdat jahrgang jg born birth birthdate birthday birthyear ne nee
    naissance nacido nacida nacimiento nascimento nascido nascida nato nata nascita geboortedatum рожд рождения род
    γεννηση γεννηθεισ المولود الميلاد
    """
)
NETWORK_WORDS: Final = _words(
    """
    http https ftp sftp www com org net edu gov info tel mailto
    """
)
MONTHS: Final = _words(
    """
    january february march april may june july august september october november december januar janner jänner
    februar feber märz maerz mai juni juli oktober dezember janvier février mars avril juin juillet août septembre
    octobre novembre décembre enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre
    noviembre diciembre gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre januari februari
    maart mei augustus janeiro fevereiro março maio junho julho setembro outubro novembro dezembro января февраля
    марта апреля мая июня июля августа сентября октября ноября декабря январь февраль март апрель май июнь июль
    август сентябрь октябрь ноябрь декабрь ιανουαρίου φεβρουαρίου μαρτίου απριλίου μαΐου ιουνίου ιουλίου αυγούστου
    σεπτεμβρίου οκτωβρίου νοεμβρίου δεκεμβρίου ιανουάριος φεβρουάριος μάρτιος απρίλιος μάιος ιούνιος ιούλιος
    αύγουστος σεπτέμβριος οκτώβριος νοέμβριος δεκέμβριος يناير فبراير مارس أبريل ابريل إبريل مايو يونيو يونيه يوليو
    يوليه أغسطس سبتمبر أكتوبر نوفمبر ديسمبر شباط آذار نيسان أيار حزيران تموز أيلول maj augusti stycznia lutego marca
    kwietnia maja czerwca lipca sierpnia września października listopada grudnia ocak şubat mart nisan mayıs haziran
    temmuz ağustos eylül ekim kasım aralık
    """
)
# Too short to be a date without a year: "set 2", "out 3".
SHORT_MONTHS: Final = (
    _words(
        """
    jan feb mar mär mrz apr jun jul aug sep sept oct nov dec okt dez janv févr avr juil déc ene abr ago dic gen mag
    giu lug set ott mrt fev out янв фев мар апр июн июл авг сен сент окт ноя дек ιαν φεβ μαρ απρ μαι ιουν ιουλ αυγ
    σεπ οκτ νοε δεκ
    """
    )
    - MONTHS
)
# Common words besides: as a date without a year they need a capital.
AMBIGUOUS_MONTHS: Final = _words(
    """
    may march mars mai mei mart augustus agosto
    """
)
DATE_JOINERS: Final = _words(
    """
    de del of di d st nd rd th er do den the a г το ας α η i
    """
)
# Endings of names where names are declined.
CYRILLIC_ENDINGS: Final = _words(
    """
    а у ом ем ым е ы и ои еи ую ю я ая ого ому ых их ами ь
    """
)
GREEK_ENDINGS: Final = _words(
    """
    ος ου ο ε ης η ας α ους
    """
)

_SITES: Final = _words(
    """
    hospital hospitals hospitalier hospitalière hôpital clinic clinics clinica clínica klinik klinikum klinika
    clinique kliniken krankenhaus spital ziekenhuis kliniek ospedale policlinico poliklinik hopital centre center
    centro zentrum centrum central centrale zentral institut institute instituto istituto institution department
    departement abteilung departamento dipartimento afdeling service servicio servizio serviço unit unité unidad
    unità einheit ward station room raum zimmer sala salle suite bett bed floor etage praxis practice
    gemeinschaftspraxis mvz universität universitaet university universitätsklinikum uniklinik universitätsmedizin
    université universitaire universidad universitario università universitaria universiteit universitair college
    school medizin medicine medical medico médica médical medisch medizinische medizinisches general général
    generale generalklinik national regional regionale regionaal municipal county city town stadt kreis land state
    public private privat saint sankt health healthcare gesundheit santé salud salute care imaging image images
    bildgebung diagnostik diagnostic diagnostics diagnostico diagnostica radiology radiologie radiología radiologia
    radiologische radiologisches radiological röntgen rontgen roentgen x-ray xray nuklearmedizin nuclear nucléaire
    nuklear oncology onkologie oncologie oncología cardiology kardiologie cardiologie cardiología cardiologia
    neurology neurologie neurología surgery chirurgie cirugía chirurgia chirurgische orthopedics orthopaedics
    orthopädie orthopédie pediatrics paediatrics pädiatrie pédiatrie pediatria kinder children childrens kids women
    womens frauen frauenklinik gynecology gynäkologie urology urologie internal innere notaufnahme emergency
    urgences urgencias pronto soccorso ambulanz ambulatory outpatient inpatient icu intensiv intensive pathology
    pathologie dermatology dermatologie gastroenterology ophthalmology augenklinik dental eye lab laboratory labor
    research forschung trial group gmbh inc ltd llc street straße strasse str road avenue ave rue via calle straat
    weg platz plaza place piazza allee gasse lane drive boulevard building gebäude haus house block box north south
    east west nord süd sud ost est ouest norte sur oeste tel phone fax
    """
)
_TECHNIQUE: Final = _words(
    """
    ct cta cbct mr mrt mri mra mrcp irm rm rmn tc tac tep pet spect nm us ivus oct cr dx dr mg rf xa rtg ekg ecg eeg
    ot sc sr pr seg rtstruct tomo tomosynthesis ultraschall ultrasound sonographie sonography echo doppler angio
    angiography angiographie mammo mammography mammographie fluoroscopy scanner scan scans device gerät system
    modality workstation console konsole archive pacs ris his kis server host node main test demo phantom siemens
    philips canon toshiba hitachi fujifilm agfa kodak hologic konica samsung mindray somatom magnetom avanto skyra
    aera prisma ingenia achieva aquilion discovery revolution lightspeed brightspeed definition force flash drive
    edge biograph symbia artis
    """
)
_BODY: Final = _words(
    """
    head kopf tête cabeza testa hoofd cabeça schädel skull crâne brain gehirn hirn cerveau cerebro cervello neck
    hals cou cuello collo nek thorax thoracic thorakal chest brust tórax torace poumon lung lunge lungen pulmón
    heart herz cœur coeur corazón cuore hart cardiac cardio coronary abdomen abdominal bauch addome ventre pelvis
    becken bassin spine wirbelsäule rachis columna colonna lws bws hws lumbar cervical knee knie genou rodilla
    ginocchio hip hüfte hanche cadera anca shoulder schulter épaule hombro spalla elbow ellbogen coude codo wrist
    handgelenk poignet hand main mano finger foot fuß fuss pied pie piede ankle sprunggelenk cheville arm bein leg
    jambe pierna liver leber foie hígado fegato kidney niere rein riñón rene spleen milz pancreas pankreas prostate
    prostata bladder blase uterus breast mamma sein seno mama bone knochen os hueso osso joint gelenk vessel gefäß
    aorta carotid carotis eye auge oeil ojo ear ohr nose nase sinus nnh zahn tooth whole body ganzkörper corps
    cuerpo
    """
)
_DESCRIPTIONS: Final = _words(
    """
    left links gauche izquierda sinistra right rechts droite derecha destra anterior posterior lateral axial coronal
    sagittal transversal oblique supine prone rücken bauchlage pre post native nativ ohne mit with without km
    contrast kontrast contraste contrasto venous venös arterial arteriell delayed spät early phase series serie
    studie study exam befund findings results impression report bericht follow follow-up followup verlauf
    verlaufskontrolle kontrolle control contrôle suivi screening staging restaging initial baseline low dose high
    routine standard protocol protokoll stent biopsy biopsie tumor tumour lesion läsion metastasis metastase
    metastases cancer karzinom fracture fraktur trauma pain schmerz schmerzen normal male female männlich weiblich
    alt years jahre patient patientin pat der die das und oder für the and for not von vom zum zur des dem den del
    della los las les aux sur par por con per voor van een het requested request reads read reviewed confirms bittet
    überweist empfiehlt zuweisung überweisung indikation diagnose diagnosis fragestellung anamnese history klinische
    clinical rule out zustand nach op ausschluss vd za asap please
    """
)
_OTHER_SCRIPTS: Final = _words(
    """
    кт мрт узи рентген больница клиника отделение институт центр городская областная радиология голова грудь живот
    снимок обследование контроль исследование после легких νοσοκομειο κλινικη τμημα κεντρο γενικο πανεπιστημιακο
    θωρακα θωρακοσ κοιλια κεφαλη ελεγχοσ مستشفى المستشفى عيادة مركز قسم الاشعة اشعة الصدر صدر البطن بطن الراس
    """
)
STREETS: Final = _words(
    """
    street st str strasse straße road rd avenue ave rue via viale corso calle avenida straat laan weg platz plaza place
    piazza allee gasse lane drive boulevard rua улица ул проспект οδός شارع
    """
)
# Never identify by themselves: they stay where they are part of an institution's name or follow a title.
GENERIC: Final = STREETS | _SITES | _TECHNIQUE | _BODY | _DESCRIPTIONS | _OTHER_SCRIPTS
GENERIC_UNSPACED: Final = _words(
    """
    病院 医院 大学 医科 放射線 放射科 内科 外科 科 中央 総合 市立 県立 国立 診療所 センター クリニック 画像 検査
    胸部 腹部 頭部 骨盤 単純 造影 患者 医療 医師 研究所 人民 附属 第一 第二 第三 市 中心 影像 대학교 대학 병원
    의료원 영상의학과 센터 과 의원 검사 흉부 복부 두부
    """
)
# Before an honorific these are an office, or another word (同様).
OFFICES: Final = _words(
    """
    同 異 多 仕 模 一 各 患者 主治 担当 執刀 読影 紹介 当直 外来 線 射 科 医 任 病院 医院 診断 诊断 责任 放射 主诊
    值班 副 报告 审核 検査 麻酔 研修 他
    """
)
# Behind a number, these make it a measure; an alternation for regular expressions.
UNITS: Final = "|".join(
    sorted(
        _words(
            """
            mm cm m µm um nm ml cc l dl µl ul nl fl mg g kg µg ug mcg ng kv kvp ma mas ms msec s sec min h hz khz
            mhz t mt gy cgy mgy msv mbq kbq bq mci hu he ue uh dpi px pixel voxel bar mmhg bpm % ‰ ° ie iu u mmol
            µmol ppm fps kb mb gb kev mev mu x slices images bilder frames schichten coupes cortes spins shots views
            counts
            """
        )
    )
)
