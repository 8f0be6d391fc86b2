//! Diagnostics: what is wrong, where, and by how much — as data. Prose is made of them only where they are rendered.
//!
//! Every diagnostic carries a [`Code`] from the one table below; the code fixes which verdict it leads to. Each code has a page that
//! `tl-check --explain` prints.

use std::fmt;

/// What a code leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The certificate is wrong, malformed, or claims what is false.
    Rejected,
    /// The checker cannot decide: unsupported, or a limit was hit first.
    Declined,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $outcome:ident, $title:literal;)*) => {
        /// A kind of diagnostic, by its stable identifier.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// Every code, in the order of the identifiers.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The stable identifier, `TL` and four digits.
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => $id,)* }
            }

            /// One line, lower case.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// The verdict that it leads to.
            pub fn outcome(self) -> Outcome {
                match self { $(Code::$name => Outcome::$outcome,)* }
            }
        }
    };
}

codes! {
    // 01xx: the document and its tensors.
    Syntax = "TL0101", Rejected, "the certificate is not one JSON value";
    DuplicateKey = "TL0102", Rejected, "a key occurs twice in one object";
    UnknownKey = "TL0103", Rejected, "a key is not part of the format";
    MissingKey = "TL0104", Rejected, "a required key is missing";
    WrongType = "TL0105", Rejected, "a value is of the wrong JSON type";
    NotAnInteger = "TL0106", Rejected, "a number is not an integer in range";
    UnknownFormat = "TL0107", Rejected, "the format is not one that this checker reads";
    ExactNumber = "TL0108", Rejected, "a string does not denote an exact number";
    UnknownKeyword = "TL0109", Rejected, "a keyword is not one of those allowed here";
    Words = "TL0111", Rejected, "the words of a tensor are malformed or do not fill its shape";
    FilePath = "TL0112", Rejected, "the path of a tensor file is not a plain relative path";
    FileDigest = "TL0113", Rejected, "a tensor file does not have the digest that the certificate states";
    TensorFile = "TL0115", Rejected, "a tensor file is malformed";
    TensorMissing = "TL0116", Rejected, "a named tensor or file is not there";
    Unused = "TL0117", Rejected, "something is given that nothing uses";
    // 013x: the graph.
    UnknownOp = "TL0131", Rejected, "an operation is not in the vocabulary";
    ForwardReference = "TL0132", Rejected, "a node refers to itself, to a later node, or to none";
    Arity = "TL0133", Rejected, "a node has the wrong number of parents";
    Constraint = "TL0134", Rejected, "a constraint of an operation does not hold";
    ShapeDiffers = "TL0135", Rejected, "a declared shape is not the inferred one";
    ShapeInvalid = "TL0136", Rejected, "a shape has a zero dimension, too many dimensions, or overflows";
    Output = "TL0137", Rejected, "the outputs of the graph are malformed";
    DuplicateName = "TL0138", Rejected, "two inputs or two parameters have the same name";
    Binding = "TL0141", Rejected, "a tensor does not fit the input, parameter or output that it is given for";
    // 02xx: claims.
    Undefined = "TL0201", Rejected, "the real meaning of the graph is undefined at this input";
    NotFinite = "TL0202", Rejected, "a datum of a claim over the reals is an infinity or NaN";
    NoCase = "TL0203", Rejected, "the claim lists no case, or inputs and outputs do not pair up";
    Tolerance = "TL0230", Rejected, "a tolerance is negative or out of range";
    OutsideTolerance = "TL0231", Rejected, "the recorded output is outside its tolerance";
    BitsDiffer = "TL0241", Rejected, "the recorded output is not the result of the stated execution";
    Schedule = "TL0242", Rejected, "the reduction schedule is malformed";
    Unexplained = "TL0251", Rejected, "the recorded value of a node is outside what is allowed there";
    Gap = "TL0260", Rejected, "the gap or property of a claim is malformed";
    NoGap = "TL0261", Rejected, "the execution and the reals do not part ways as stated";
    Cotangent = "TL0270", Rejected, "it is not stated what is differentiated, or along what";
    OutsideGradient = "TL0271", Rejected, "the recorded gradient is outside its tolerance";
    NotAdjoint = "TL0272", Rejected, "a reverse rule is not the adjoint of the derivative";
    UnsuitedMethod = "TL0273", Declined, "the stated method does not decide this graph";
    // 03xx: limits and what the checker does not do.
    LimitBytes = "TL0301", Declined, "the certificate or one of its files is larger than the limit";
    LimitElements = "TL0302", Declined, "a tensor or the evaluation needs more elements than the limit";
    LimitNodes = "TL0303", Declined, "the graph has more nodes than the limit";
    LimitWork = "TL0304", Declined, "the evaluation needs more work than the limit";
    Undecided = "TL0305", Declined, "the claim is not decided at the largest permitted precision";
    LimitNumber = "TL0306", Declined, "a number in the evaluation leaves the supported range";
    UnsupportedClaim = "TL0307", Declined, "the kind of claim is not supported by this version";
    // 04xx: the model that the certificate is about.
    ModelGraph = "TL0401", Rejected, "the model file is not the graph of the certificate";
    ModelParameters = "TL0402", Rejected, "the model file does not have the parameters of the certificate";
    // 045x: the policy that the certificate is held to.
    PolicyModel = "TL0451", Rejected, "the certificate is about another model than the policy demands";
    PolicyClaim = "TL0452", Rejected, "the policy does not take this kind of claim here";
    PolicyFigure = "TL0453", Rejected, "a tolerance or another figure of the claim is weaker than the policy demands";
    PolicyAssumption = "TL0454", Rejected, "the sentence would rest on an assumption that the policy does not permit";
    PolicyUnlisted = "TL0455", Rejected, "no rule of the policy speaks of this certificate";
    PolicyMissing = "TL0456", Rejected, "a certificate that the policy requires was not checked";
    // 09xx: our own bugs, reported instead of an answer.
    Internal = "TL0901", Declined, "an invariant of the checker does not hold";
}

impl Code {
    /// `Ok` when the condition holds, else the finding of this kind at `pointer`.
    pub(crate) fn unless(
        self,
        condition: bool,
        pointer: impl Into<String>,
        message: impl FnOnce() -> String,
    ) -> Result<(), Diagnostic> {
        if condition { Ok(()) } else { Err(Diagnostic::new(self, pointer, message())) }
    }
}

/// A finding: what is wrong and where. Optional facts are exact numbers as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The kind of finding.
    pub code: Code,
    /// JSON pointer (RFC 6901) into the certificate; empty for the whole document.
    pub pointer: String,
    /// What is wrong here, one sentence, lower case, without a full stop.
    pub message: String,
    /// The node at fault: its id and operation.
    pub node: Option<(usize, &'static str)>,
    /// The element at fault: its index, and the shape that it indexes.
    pub index: Option<(Vec<usize>, Vec<usize>)>,
    /// What the certificate says.
    pub claimed: Option<String>,
    /// What the checker derived.
    pub derived: Option<String>,
    /// Distance between the two, in units in the last place of the claimed value.
    pub ulps: Option<String>,
    /// Further named facts.
    pub facts: Vec<(&'static str, String)>,
}

impl Diagnostic {
    /// A finding at `pointer`.
    pub fn new(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            pointer: pointer.into(),
            message: message.into(),
            node: None,
            index: None,
            claimed: None,
            derived: None,
            ulps: None,
            facts: Vec::new(),
        }
    }

    /// The same finding with what the certificate says and what the checker derived.
    #[must_use]
    pub fn comparing(mut self, claimed: impl fmt::Display, derived: impl fmt::Display) -> Self {
        (self.claimed, self.derived) = (Some(claimed.to_string()), Some(derived.to_string()));
        self
    }

    /// The same finding with a further fact.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((name, value.into()));
        self
    }

    /// The same finding at a node.
    #[must_use]
    pub fn at_node(mut self, id: usize, op: &'static str) -> Self {
        self.node = Some((id, op));
        self
    }
}

impl fmt::Display for Diagnostic {
    /// One line for logs and tests; the renderings live in the shell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} at {:?}: {}", self.code.id(), self.code.title(), self.pointer, self.message)
    }
}
