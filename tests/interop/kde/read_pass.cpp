// Reads passes as KDE's phones do and prints a line of JSON for each: read_pass FILE…; the locale is the environment's.
#include <KPkPass/Barcode>
#include <KPkPass/Field>
#include <KPkPass/Location>
#include <KPkPass/Pass>
#include <QtCore>
#include <cstdio>

static QJsonArray fieldsOf(const QVector<KPkPass::Field> &fields)
{
    QJsonArray told;
    for (const auto &field : fields)
        told.append(QJsonObject{{"key", field.key()}, {"label", field.label()}, {"value", field.value().toString()}});
    return told;
}

int main(int argc, char **argv)
{
    QCoreApplication app(argc, argv);
    for (const auto &file : app.arguments().mid(1)) {
        const QScopedPointer<KPkPass::Pass> pass(KPkPass::Pass::fromFile(file));
        QJsonObject told{{"read", !pass.isNull()}};
        if (pass) {
            QJsonArray codes;
            for (const auto &code : pass->barcodes())
                codes.append(QJsonObject{{"format", int(code.format())}, {"message", code.message()}, {"alternative", code.alternativeText()}});
            told = {{"read", true}, {"type", int(pass->type())}, {"name", pass->organizationName()}, {"description", pass->description()},
                    {"serial", pass->serialNumber()}, {"passType", pass->passTypeIdentifier()},
                    {"expires", pass->expirationDate().toString(Qt::ISODate)}, {"service", pass->webServiceUrl().toString()},
                    {"update", pass->passUpdateUrl().toString()}, {"token", pass->authenticationToken()}, {"barcodes", codes},
                    {"places", pass->locations().size()}, {"near", pass->locations().isEmpty() ? QString() : pass->locations().first().relevantText()},
                    {"fields", fieldsOf(pass->fields())}};
        }
        std::puts(QJsonDocument(told).toJson(QJsonDocument::Compact).constData());
    }
}
